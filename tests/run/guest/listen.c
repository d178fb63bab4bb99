// Watches folders and says what inotify tells: letters of inotifyd (n made, w modified, c closed after
// writing, e attributes, m moved away, y moved here, d removed), the folder, the name, one line each. A second
// use, "answer FOLDER", writes a file for each one that is made and whose name begins with "ask".
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static char letter(unsigned mask) {
    const unsigned masks[] = {IN_CREATE, IN_MODIFY, IN_CLOSE_WRITE, IN_ATTRIB, IN_MOVED_FROM, IN_MOVED_TO, IN_DELETE};
    for (int i = 0; i < 7; i++) if (mask & masks[i]) return "nwcemyd"[i];
    return '?';
}

int main(int count, char **words) {
    int answers = count > 1 && !strcmp(words[1], "answer"), first = answers ? 2 : 1;
    int listener = inotify_init();
    for (int i = first; i < count; i++)
        inotify_add_watch(listener, words[i], IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE | IN_DELETE);
    for (;;) {
        char bytes[8192], line[1024];
        ssize_t n = read(listener, bytes, sizeof bytes);
        for (char *at = bytes; at < bytes + n;) {
            struct inotify_event *event = (struct inotify_event *)at;
            const char *folder = words[event->wd - 1 + first], *name = event->len ? event->name : "";
            at += sizeof *event + event->len;
            if (!answers) {
                int length = snprintf(line, sizeof line, "%c\t%s\t%s\n", letter(event->mask), folder, name);
                if (write(1, line, length) != length) return 1;
            } else if (event->mask & IN_CREATE && !strncmp(name, "ask", 3)) {
                snprintf(line, sizeof line, "%s/answer-%s", folder, name);
                int file = open(line, O_CREAT | O_WRONLY, 0600);
                if (write(file, "x", 1) != 1) return 1;
                close(file);
            }
        }
    }
}
