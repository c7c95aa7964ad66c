#include "kubectl/tab.h"
#include "base/test.h"

static void check(struct tab t, const char *text, const char *want)
{
	BUF(out);
	buf_str(&t.text, str_of(text));
	tab_flush(&t, &out);
	assert_str(buf_view(&out), want);
	tab_fini(&t);
}

TEST(table_columns_have_three_spaces_between_and_six_at_least)
{
	check((struct tab)TAB_TABLE, "NAME\tREADY\tAGE\na\t0/1\t5s\nlonger-name\t1/1\t10s\n",
		"NAME          READY   AGE\na             0/1     5s\nlonger-name   1/1     10s\n");
}

TEST(a_line_without_the_column_ends_its_block)
{
	check((struct tab)TAB_DESCRIBE, "Name:\ta\nLonger Name:\tb\nplain\nX:\tc\n", "Name:         a\nLonger Name:  b\nplain\nX:  c\n");
}

TEST(widths_count_characters)
{
	check((struct tab)TAB_DESCRIBE, "\xC3\xA4\xC3\xB6\tx\nabc\ty\n", "\xC3\xA4\xC3\xB6   x\nabc  y\n");
}

TEST(nested_columns_are_aligned_in_their_own_block)
{
	check((struct tab)TAB_DESCRIBE, "A:\n  K1:\tx\n  K22:\ty\nB:\tz\n", "A:\n  K1:   x\n  K22:  y\nB:      z\n");
}

TEST(later_rows_keep_earlier_widths)
{
	struct tab t = TAB_TABLE;
	BUF(out);
	buf_lit(&t.text, "NAME\tAGE\nlong-name\t1s\n");
	tab_flush(&t, &out);
	buf_clear(&out);
	buf_lit(&t.text, "b\t2s\n");
	tab_flush(&t, &out);
	assert_str(buf_view(&out), "b           2s\n");
	tab_fini(&t);
}

TEST(cells_cannot_move_the_cursor)
{
	BUF(out);
	tab_cell(&out, STR("a\x1b[2Jb\ncd"));
	assert_str(buf_view(&out), "a^[[2Jb...");
}
