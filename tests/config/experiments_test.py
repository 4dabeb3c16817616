from dbal_tf.config.experiments import ExperimentSettings


def test_the_default_is_one_run_of_the_paper():
    settings = ExperimentSettings()
    assert (settings.experiment, settings.only, settings.report_only) == ("run", (), False)
    assert (settings.rounds, settings.repetitions) == (98, 1)
