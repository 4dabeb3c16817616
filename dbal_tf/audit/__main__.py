"""`python -m dbal_tf.audit`."""

from dbal_tf.audit.command import cli

cli()
