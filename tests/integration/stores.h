/* Where the NATS servers of a test keep their streams: a folder for each port below one of the test's own,
 * which goes when the process that asked first for one ends.
 */
#ifndef INTEGRATION_STORES_H
#define INTEGRATION_STORES_H

#include <stdbool.h>

#define STORE_PATH_BYTES 128

/* The folder of the server on that port, which the server makes where it is not there. */
void store_path(int port, char path[STORE_PATH_BYTES]);

/* Copies what the server on that port has kept, to have it back later; the server does not run. */
void store_save(int port);
void store_restore(int port);

/* A configuration's block that gives a server JetStream, and keeps what it has in that folder. */
#define STORE_CONFIG_BYTES (STORE_PATH_BYTES + 128)
void store_config(int port, char config[STORE_CONFIG_BYTES]);

/* Whether the suite runs with the engine jetstream: the environment variable WKV_TEST_ENGINE says so. Each
 * NATS server has a store then, and each provider that engine. */
bool engine_is_jetstream(void);

#endif
