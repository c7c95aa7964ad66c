#include "base/list.h"
#include "base/test.h"

struct item {
	int n;
	struct list link;
};

TEST(list_keeps_order_and_allows_removal_while_walking)
{
	struct list head;
	struct item v[4] = {0}, *it;
	int sum = 0;
	list_init(&head);
	for (int i = 0; i < 4; i++) {
		v[i].n = i;
		list_push(&head, &v[i].link);
	}
	list_each(it, &head, link)
		if (it->n % 2)
			list_remove(&it->link);
	list_each(it, &head, link)
		sum = sum * 10 + it->n;
	assert_int_equal(sum, 2);
	assert_false(list_linked(&v[1].link));
	list_remove(&v[1].link);
	assert_ptr_equal(list_pop(&head), &v[0].link);
	list_pop(&head);
	assert_null(list_pop(&head));
	assert_true(list_empty(&head));
}
