from dbal_tf.labelling.leases import SECONDS, Leases


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_an_item_has_one_holder_for_two_minutes():
    clock = Clock()
    leases = Leases(clock)
    assert leases.take("a", "ann") and not leases.take("a", "bob")
    assert leases.holder("a") == "ann" and leases.holder("b") == ""
    clock.now = SECONDS - 1
    assert not leases.is_free("a", "bob") and leases.is_free("a", "ann")
    clock.now = SECONDS
    assert leases.holder("a") == "" and leases.take("a", "bob")
    assert not leases.take("a", "ann")


def test_asking_again_renews_a_lease():
    clock = Clock()
    leases = Leases(clock)
    leases.take("a", "ann")
    clock.now = SECONDS - 1
    leases.take("a", "ann")
    clock.now = SECONDS + 1
    assert not leases.take("a", "bob")


def test_an_answer_ends_the_lease():
    leases = Leases(Clock())
    leases.take("a", "ann")
    leases.end("a")
    leases.end("never leased")
    assert leases.take("a", "bob")
