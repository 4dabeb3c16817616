"""Scoring pools on Apache Beam: on one machine's cores, or on a cluster's workers."""
