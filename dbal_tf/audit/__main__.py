"""`python -m dbal_tf.audit`."""

import sys

from dbal_tf.audit.command import main

sys.exit(main(sys.argv[1:]))
