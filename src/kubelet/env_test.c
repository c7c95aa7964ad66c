#include "base/test.h"
#include "kubelet/impl.h"

static struct str one = STR_INIT("one"), empty = STR_INIT("");

static void expands(const char *text, const char *want)
{
	struct arena *a = arena_new(NULL);
	struct map vars = {0};
	map_set(&vars, STR("A"), &one);
	map_set(&vars, STR("EMPTY"), &empty);
	assert_str(env_expand(a, str_of(text), &vars), want);
	map_fini(&vars);
	arena_free(a);
}

TEST(known_variables_are_replaced) { expands("$(A)/$(EMPTY).", "one/."); }
TEST(unknown_variables_stay_as_they_are) { expands("$(A)-$(NOPE)", "one-$(NOPE)"); }
TEST(two_dollars_are_one_and_hide_a_reference) { expands("$$(A) $$", "$(A) $"); }
TEST(an_open_reference_is_plain_text) { expands("$(A) $(A", "one $(A"); }
TEST(a_lone_dollar_is_plain_text) { expands("$A $ $", "$A $ $"); }
