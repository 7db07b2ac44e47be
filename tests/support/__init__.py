"""What the end-to-end tests share: the stack's servers, fresh databases and topics, waiting.

Nothing here is shared with the worker: the Kafka client, the database driver and the Avro library
are others', so that an error of ours cannot hide on both sides.
"""
