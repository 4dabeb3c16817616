from dbal_tf.config.data import DataSettings


def test_defaults_are_the_papers():
    settings = DataSettings()
    assert (settings.dataset, settings.classes, settings.pool_size) == ("mnist", (), 0)
    assert (settings.initial_per_class, settings.validation_size) == (2, 100)
