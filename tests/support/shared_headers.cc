// Nothing: the precompiled headers of the tests belong to a program, and this is its source.
int main() { return 0; }
