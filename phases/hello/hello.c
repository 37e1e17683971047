#include <stdio.h>
#include <sys/utsname.h>

int main(void) {
  struct utsname system;
  if (uname(&system) != 0)
    return 1;
  printf("hello from %s\n", system.machine);
  return 0;
}
