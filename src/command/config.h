/* The settings of every command, as options.h's table fills them. */
#ifndef WKV_COMMAND_CONFIG_H
#define WKV_COMMAND_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "nats/connect.h"
#include "nats/subject.h"
#include "support/error.h"
#include "support/log.h"

/* Exit statuses, after sysexits.h. */
enum wkv_exit {
    WKV_EXIT_OK = 0,
    WKV_EXIT_FAILED = 1,
    WKV_EXIT_USAGE = 64,       /* a bad option or argument */
    WKV_EXIT_UNAVAILABLE = 69, /* another instance holds this binding's data; there is no such log; health
                                  --self: not well */
    WKV_EXIT_LOST = 70,        /* the log is a newer version's, or has lost what was applied */
};

/* Which command takes an option. */
enum wkv_command_bit {
    WKV_COMMAND_SERVE = 1,
    WKV_COMMAND_CALL = 2,
    WKV_COMMAND_HEALTH = 4,
    WKV_COMMAND_KEYGEN = 8,
    WKV_COMMAND_TOKEN = 16,
    WKV_COMMAND_INSPECT = 32,
    WKV_COMMAND_TOP = 64,
    WKV_COMMAND_EXPORT = 128,
    WKV_COMMAND_IMPORT = 256,
    WKV_COMMAND_ALL = 511,
    /* Those that connect to NATS. */
    WKV_CONNECTING = WKV_COMMAND_SERVE | WKV_COMMAND_CALL | WKV_COMMAND_HEALTH | WKV_COMMAND_TOP |
                     WKV_COMMAND_EXPORT | WKV_COMMAND_IMPORT,
};

#define WKV_CONFIG_SECRETS 32

/* The values of an option that repeats, in order; each may itself be a list with commas. */
#define WKV_CONFIG_ITEMS 64
struct wkv_config_list {
    const char *items[WKV_CONFIG_ITEMS];
    unsigned lines[WKV_CONFIG_ITEMS]; /* of a file, where each stands */
    size_t count;
};

/* Where values come from. A later one is stronger: its value counts, and a list's items replace those of the
 * weaker ones. */
enum wkv_layer {
    WKV_LAYER_NONE, /* there is no value */
    WKV_LAYER_DEFAULT,
    WKV_LAYER_CONTEXT, /* a NATS context that is selected, or named by a variable */
    WKV_LAYER_FILE,    /* of --config */
    WKV_LAYER_ENVIRONMENT,
    WKV_LAYER_NAMED_CONTEXT, /* of --context */
    WKV_LAYER_COMMAND_LINE,
};

#define WKV_CONFIG_SOURCE_BYTES 256

/* Where one option's value comes from. */
struct wkv_origin {
    enum wkv_layer layer;
    char source[WKV_CONFIG_SOURCE_BYTES]; /* as errors name it: `--name`, a variable, `FILE:LINE: name` */
    size_t place_len;                     /* how much of it says where: all of it but a file's `: name` */
    const char *text;                     /* the value as it was given, of a list the last one; borrowed */
};

/* At least as many as there are options. */
#define WKV_CONFIG_OPTIONS 80

/* A copy of what may hold a secret, which is wiped before it is freed. */
struct wkv_config_secret {
    char *bytes;
    size_t len; /* without the NUL behind it */
};

/* Strings are borrowed from argv or the environment, but those of options that hold a secret, and of files:
 * they are copies. The servers are the config's own, too. */
struct wkv_config {
    struct wkv_connect_options connect;
    struct wkv_address address;
    const char *context; /* NATS context; "": none; NULL: the selected one */
    uint64_t timeout_ms; /* for an answer */
    struct {
        uint64_t workers;          /* 0: as many as there are cores to run on */
        uint64_t shards;           /* 0: the store's default */
        uint64_t max_memory_bytes; /* 0: no bound */
        uint64_t max_key_bytes;
        uint64_t max_value_bytes;
        uint64_t drain_timeout_ms;
        uint64_t max_wait_ms;
        uint64_t duplicate_window_ms;
        const char *engine;
        uint64_t replicas; /* 0: as the cluster has servers */
        const char *reads;
        uint64_t write_timeout_ms;
        uint64_t log_max_bytes;
        uint64_t snapshot_every_ms;
        const char *js_domain; /* NULL: none */
        bool allow_split;
        const char *evict;
        const char *metrics_listen; /* NULL: off */
        const char *config;         /* file; NULL: none */
        bool print_config;          /* instead of serving */
        const char *dev;            /* directory, "" for the usual one; NULL: not asked for */
    } serve;
    struct {
        const char *auth;
        bool require_binding;
        struct wkv_config_list issuers, hosts;
        const char *issuer_file, *host_file;
    } trust;
    struct {
        const char *level, *format;
    } log;
    struct {
        const char *actor;      /* NULL: not given */
        const char *claims;     /* file */
        const char *host_seed;  /* file */
        const char *message_id; /* NULL: none */
        bool all;               /* page after page */
    } call;
    struct {
        const char *keyspace; /* the only one to export; NULL: all */
        uint64_t skip;        /* lines that an import passes by */
    } transfer;               /* of export and import */
    struct {
        bool self;            /* ask this machine's process */
        bool json;            /* print a JSON object */
        uint64_t interval_ms; /* between two looks */
        uint64_t count;       /* looks; 0: for ever */
    } look;                   /* of health and top */
    struct {
        const char *issuer_seed; /* file */
        const char *subject;
        struct wkv_config_list capabilities;
        const char *name;
        uint64_t expires_in_ms; /* 0: never */
    } token;
    bool help;
    struct wkv_origin origins[WKV_CONFIG_OPTIONS]; /* of each option, in the order of the table */
    struct wkv_config_secret secrets[WKV_CONFIG_SECRETS];
    size_t secret_count;
};

/* Fills *config from the options in argv[1..], which belong to `command`, the environment, the NATS context,
 * the file that --config names and the defaults. *rest is the index in argv of the first argument that is no
 * option. The variable of an option that holds a secret may have _FILE behind its name, and then names a file
 * with the value; a password's file is read for each connection, others now. A variable that begins as ours
 * do, but is no option's, is refused (contract section 9), and so is a line of the file. A wrong value is
 * refused also where a stronger one counts. Errors: WKV_BAD_REQUEST, WKV_NO_MEMORY; the text is the one clear
 * line for the user. */
enum wkv_code wkv_config_read(enum wkv_command_bit command, int argc, char **argv, struct wkv_config *config,
                              int *rest, struct wkv_error *error);

/* Names the variable or the line of a file that a value came from in an error whose text begins with the
 * option's name, as
 * `--tlsca (NATS_CA): …`; any other error stays as it is. Returns its code. */
enum wkv_code wkv_config_blame(const struct wkv_config *config, struct wkv_error *error);

/* Wipes and frees the secrets and the servers. A config that could not be read is to be destroyed too. */
void wkv_config_destroy(struct wkv_config *config);

/* The actor in whose name `call` asks unless told: a public key without a known seed. */
#define WKV_EXAMPLE_ACTOR "MCYWHMJW5VW5U7ZRDQV7JU45GHSR2SA6OZJ2MPHQCFALR2CGFA2NAMZM"

#endif
