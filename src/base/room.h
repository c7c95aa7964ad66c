/* base: arenas with budgets, strings, buffers, maps, lists, heap, errors, logging, clock arithmetic, random, regex, encodings.
 * Floor 0: includes nothing of the project outside base/.  Headers: arena.h blob.h buf.h clock.h enc.h err.h heap.h list.h log.h map.h
 * rand.h regex.h scope.h str.h test.h (tests only) version.h. */
#pragma once
