/* chars.c: the byte tables of HTTP/1. */
#include "codec/chars_priv.h"

#define T   NC_C_TOKEN
#define V   NC_C_VALUE
#define U   NC_C_TARGET
#define H   NC_C_HOST

const uint8_t  nc_char_class[256] = {
    ['\t'] = V, [' '] = V,
    ['!'] = T | V | U | H, ['"'] = V | U, ['#'] = T | V | U, ['$'] = T | V | U | H,
    ['%'] = T | V | U | H, ['&'] = T | V | U | H, ['\''] = T | V | U | H, ['('] = V | U | H,
    [')'] = V | U | H, ['*'] = T | V | U | H, ['+'] = T | V | U | H, [','] = V | U | H,
    ['-'] = T | V | U | H, ['.'] = T | V | U | H, ['/'] = V | U,
    ['0' ... '9'] = T | V | U | H,
    [':'] = V | U, [';'] = V | U | H, ['<'] = V | U, ['='] = V | U | H, ['>'] = V | U,
    ['?'] = V | U, ['@'] = V | U,
    ['A' ... 'Z'] = T | V | U | H,
    ['['] = V | U, ['\\'] = V | U, [']'] = V | U, ['^'] = T | V | U, ['_'] = T | V | U | H,
    ['`'] = T | V | U,
    ['a' ... 'z'] = T | V | U | H,
    ['{'] = V | U, ['|'] = T | V | U, ['}'] = V | U, ['~'] = T | V | U | H,
    [0x80 ... 0xff] = V
};

#define SAME(c)     [c] = c

const uint8_t  nc_char_token_lower[256] = {
    SAME('!'), SAME('#'), SAME('$'), SAME('%'), SAME('&'), SAME('\''), SAME('*'), SAME('+'),
    SAME('-'), SAME('.'), SAME('^'), SAME('_'), SAME('`'), SAME('|'), SAME('~'),
    SAME('0'), SAME('1'), SAME('2'), SAME('3'), SAME('4'), SAME('5'), SAME('6'), SAME('7'),
    SAME('8'), SAME('9'),
    SAME('a'), SAME('b'), SAME('c'), SAME('d'), SAME('e'), SAME('f'), SAME('g'), SAME('h'),
    SAME('i'), SAME('j'), SAME('k'), SAME('l'), SAME('m'), SAME('n'), SAME('o'), SAME('p'),
    SAME('q'), SAME('r'), SAME('s'), SAME('t'), SAME('u'), SAME('v'), SAME('w'), SAME('x'),
    SAME('y'), SAME('z'),
    ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g',
    ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n',
    ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u',
    ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z'
};
