/* Writes a file as the answer to an HTTP request. */
#include <stdio.h>

int main(int argc, char **argv) {
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
	if (!file) {
		perror("serve");
		return 1;
	}
	fputs("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n", stdout);
	for (int c; (c = getc(file)) != EOF;) putchar(c);
	return 0;
}
