#include "command/dev.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/command.h"
#include "security/token.h"
#include "support/clock.h"

#define OWNER_ONLY 0700
#define OTHERS 0077
#define NAME_BYTES 32

static enum wkv_code refuse(const char *path, const char *why, const char *advice, struct wkv_error *error)
{
    return wkv_fail(error, WKV_BAD_REQUEST, "--dev: %s: %s%s", path, why, advice);
}

static enum wkv_code failed(const char *path, struct wkv_error *error)
{
    return refuse(path, strerror(errno), "; give a directory that this user may write to", error);
}

/* ---- the directory ---- */

static enum wkv_code choose(const char *given, char out[PATH_MAX], struct wkv_error *error)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int len;
    if (*given != '\0')
        len = snprintf(out, PATH_MAX, "%s", given);
    else if (state != NULL && *state == '/')
        len = snprintf(out, PATH_MAX, "%s/wascc-keyvalue/dev", state);
    else if (home != NULL && *home == '/')
        len = snprintf(out, PATH_MAX, "%s/.local/state/wascc-keyvalue/dev", home);
    else
        return wkv_fail(error, WKV_BAD_REQUEST,
                        "--dev: there is no HOME to keep its keys in: give --dev DIR");
    if (len < 0 || len >= PATH_MAX - NAME_BYTES)
        return wkv_fail(error, WKV_BAD_REQUEST, "--dev: the directory's name is too long");
    for (const char *c = out; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            return wkv_fail(error, WKV_BAD_REQUEST,
                            "--dev: the directory's name has a control character in it");
    return WKV_OK;
}

/* Makes the directory and those above it that are not there. */
static enum wkv_code make_all(char *path, struct wkv_error *error)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        bool made = mkdir(path, OWNER_ONLY) == 0 || errno == EEXIST;
        if (!made)
            (void)failed(path, error);
        if (slash != NULL)
            *slash = '/';
        if (!made || slash == NULL)
            return made ? WKV_OK : error->code;
    }
}

/* Whether all that is in the directory is of an earlier `serve --dev`, or there is nothing. */
static bool is_own(int fd)
{
    bool own = faccessat(fd, "account.json", F_OK, 0) == 0, empty = true;
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again < 0 ? NULL : fdopendir(again);
    if (directory == NULL)
        return own;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    (void)closedir(directory);
    return own || empty;
}

/* A directory of something else is not closed to others for this. */
static enum wkv_code check_directory(const char *path, int fd, struct wkv_error *error)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return failed(path, error);
    if (about.st_uid != geteuid())
        return refuse(path, "it belongs to another user", "; give a directory of your own", error);
    if ((about.st_mode & OTHERS) == 0)
        return WKV_OK;
    if (!is_own(fd))
        return refuse(path, "there is something else in it, and others may read it",
                      "; give a directory that is empty or new", error);
    return fchmod(fd, OWNER_ONLY) == 0 ? WKV_OK : failed(path, error);
}

static enum wkv_code open_directory(const char *given, struct wkv_dev *dev, struct wkv_error *error)
{
    char path[PATH_MAX];
    if (choose(given, path, error) != WKV_OK || make_all(path, error) != WKV_OK)
        return error->code;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(path, error);
    enum wkv_code code = check_directory(path, fd, error);
    (void)close(fd);
    if (code == WKV_OK && realpath(path, dev->directory) == NULL)
        code = failed(path, error);
    return code;
}

/* ---- files ---- */

struct file {
    char path[PATH_MAX + NAME_BYTES];
    bool there;
};

/* Whether the file is there, and for its owner alone. */
static enum wkv_code find(const struct wkv_dev *dev, const char *name, struct file *file,
                          struct wkv_error *error)
{
    struct stat about;
    (void)snprintf(file->path, sizeof file->path, "%s/%s", dev->directory, name);
    file->there = lstat(file->path, &about) == 0;
    if (!file->there)
        return errno == ENOENT ? WKV_OK : failed(file->path, error);
    if (!S_ISREG(about.st_mode) || about.st_uid != geteuid())
        return refuse(file->path, "it is no regular file of this user", "; take it away", error);
    if ((about.st_mode & OTHERS) != 0 && chmod(file->path, S_IRUSR | S_IWUSR) != 0)
        return failed(file->path, error);
    return WKV_OK;
}

static bool write_whole(int fd, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t put = write(fd, text, len);
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0) {
            text += put;
            len -= (size_t)put;
        }
    }
    return true;
}

/* Puts the text there as a whole or not at all. Where another process has just made the file, that one stays,
 * unless it is to be replaced. */
static enum wkv_code put(const struct file *file, const char *text, bool replace, struct wkv_error *error)
{
    char temporary[PATH_MAX + 2 * NAME_BYTES];
    (void)snprintf(temporary, sizeof temporary, "%s.%ld", file->path, (long)getpid());
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return failed(file->path, error);
    bool done = write_whole(fd, text) && fsync(fd) == 0;
    done = close(fd) == 0 && done;
    if (done && replace)
        done = rename(temporary, file->path) == 0;
    else if (done)
        done = link(temporary, file->path) == 0 || errno == EEXIST ||
               ((errno == EPERM || errno == EOPNOTSUPP) && rename(temporary, file->path) == 0);
    enum wkv_code code = done ? WKV_OK : failed(file->path, error);
    (void)unlink(temporary);
    return code;
}

/* ---- keys and claims ---- */

static enum wkv_code make_pair(const struct file *file, enum wkv_nkey_kind kind, struct wkv_error *error)
{
    struct wkv_nkey_seed *seed;
    char public_text[WKV_NKEY_PUBLIC_CHARS + 1], seed_text[WKV_NKEY_SEED_CHARS + 1], line[256];
    if (wkv_nkey_seed_generate(kind, &seed, error) != WKV_OK)
        return error->code;
    struct wkv_nkey key = wkv_nkey_seed_public(seed);
    wkv_nkey_encode(&key, public_text);
    wkv_nkey_seed_encode(seed, seed_text);
    (void)snprintf(line, sizeof line, "{\"public\":\"%s\",\"seed\":\"%s\"}\n", public_text, seed_text);
    enum wkv_code code = put(file, line, false, error);
    sodium_memzero(line, sizeof line);
    sodium_memzero(seed_text, sizeof seed_text);
    wkv_nkey_seed_destroy(seed);
    return code;
}

/* The caller destroys *seed. */
static enum wkv_code load_pair(const struct wkv_dev *dev, const char *name, enum wkv_nkey_kind kind,
                               struct wkv_nkey_seed **seed, char out[WKV_NKEY_PUBLIC_CHARS + 1],
                               struct wkv_error *error)
{
    struct file file;
    struct wkv_error cause;
    *seed = NULL;
    if (find(dev, name, &file, error) != WKV_OK || (!file.there && make_pair(&file, kind, error) != WKV_OK))
        return error->code;
    if (wkv_nkey_seed_load(file.path, WKV_FILE_REGULAR, seed, &cause) != WKV_OK)
        return refuse(file.path, cause.text, "; take it away for a new one", error);
    struct wkv_nkey key = wkv_nkey_seed_public(*seed);
    wkv_nkey_encode(&key, out);
    if (key.kind == kind)
        return WKV_OK;
    wkv_nkey_seed_destroy(*seed);
    *seed = NULL;
    return refuse(file.path, "it is a key of another kind", "; take it away for a new one", error);
}

static enum wkv_code load_public(const struct wkv_dev *dev, const char *name, enum wkv_nkey_kind kind,
                                 char out[WKV_NKEY_PUBLIC_CHARS + 1], struct wkv_error *error)
{
    struct wkv_nkey_seed *seed;
    enum wkv_code code = load_pair(dev, name, kind, &seed, out, error);
    wkv_nkey_seed_destroy(seed);
    return code;
}

/* Whether these claims let that actor in, as far as its account is concerned. */
static bool holds(const struct wkv_dev *dev, struct wkv_text text)
{
    struct wkv_token token;
    if (wkv_token_read(text.data, text.len, WKV_TOKEN_ACTOR, &token, NULL) != WKV_OK)
        return false;
    bool good = strcmp(token.issuer_text, dev->account) == 0 && strcmp(token.subject, dev->actor) == 0 &&
                wkv_token_has_capability(&token, WKV_TOKEN_CAPABILITY) &&
                wkv_token_signature_holds(&token, text.data, text.len) &&
                wkv_token_check_times(&token, wkv_wall_ns() / WKV_NS_PER_S, NULL) == WKV_OK;
    wkv_token_destroy(&token);
    return good;
}

static enum wkv_code make_claims(const struct wkv_dev *dev, const struct wkv_nkey_seed *account,
                                 const struct file *file, struct wkv_error *error)
{
    static const char *const capabilities[] = {WKV_TOKEN_CAPABILITY};
    struct wkv_token_actor_options options = {
        .subject = dev->actor, .capabilities = capabilities, .capability_count = 1, .name = "serve --dev"};
    char *text, line[WKV_TOKEN_MAX_BYTES + 2];
    if (wkv_token_mint_actor(account, &options, wkv_wall_ns() / WKV_NS_PER_S, &text, error) != WKV_OK)
        return error->code;
    (void)snprintf(line, sizeof line, "%s\n", text);
    free(text);
    return put(file, line, true, error);
}

/* Claims that do not hold, those of an account that was taken away say, are made anew. */
static enum wkv_code load_claims(const struct wkv_dev *dev, const struct wkv_nkey_seed *account,
                                 struct wkv_error *error)
{
    struct file file;
    struct wkv_buffer text = {0};
    bool good = false;
    if (find(dev, "actor.jwt", &file, error) != WKV_OK)
        return error->code;
    if (file.there && wkv_read_file("--dev", file.path, WKV_FILE_REGULAR, (size_t)WKV_TOKEN_MAX_BYTES, &text,
                                    NULL) == WKV_OK)
        good = holds(dev, wkv_text_trim_file((struct wkv_text){text.data, text.len}));
    wkv_buffer_destroy(&text);
    return good ? WKV_OK : make_claims(dev, account, &file, error);
}

enum wkv_code wkv_dev_open(const char *directory, struct wkv_dev *dev, struct wkv_error *error)
{
    struct wkv_nkey_seed *account = NULL;
    if (open_directory(directory, dev, error) != WKV_OK ||
        load_public(dev, "host.json", WKV_NKEY_HOST, dev->host, error) != WKV_OK ||
        load_public(dev, "actor.json", WKV_NKEY_MODULE, dev->actor, error) != WKV_OK ||
        load_pair(dev, "account.json", WKV_NKEY_ACCOUNT, &account, dev->account, error) != WKV_OK)
        return error->code;
    enum wkv_code code = load_claims(dev, account, error);
    wkv_nkey_seed_destroy(account);
    return code;
}
