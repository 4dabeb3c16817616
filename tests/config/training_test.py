from dbal_tf.config.training import TrainingSettings


def test_defaults_are_the_papers():
    settings = TrainingSettings()
    assert (settings.model, settings.kernel_size) == ("bayesian_cnn", 4)
    assert settings.posterior == "mc_dropout"
    assert (settings.epochs, settings.batch_size, settings.learning_rate) == (50, 128, 1e-3)
    assert settings.weight_decay == "2.5"
