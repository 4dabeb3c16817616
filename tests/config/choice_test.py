from dbal_tf.config.choice import ChoiceSettings


def test_defaults_are_the_papers():
    settings = ChoiceSettings()
    assert settings.acquisition == ("var_ratios",)
    assert (settings.acquisition_size, settings.num_samples) == (10, 100)


def test_the_whole_pool_is_scored_in_one_pass_unless_a_flag_says_otherwise():
    assert (ChoiceSettings().pool_subset, ChoiceSettings().refine) == (0, 0)


def test_a_query_is_the_best_by_score_unless_a_flag_says_otherwise():
    assert ChoiceSettings().batch == "top_k"
