"""Lists of the admin that are as fast in large books as in small ones: nothing is counted, and no page lies deep."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest
from unfold.views import ChangeList

LAST_PAGE = 200
"""Whoever would read further finds faster by a filter; a database reads all that comes before."""


class Pager:
    """What the templates ask of a paginator, of one that does not know how many pages there are."""

    template_name = "core/admin/pager.html"

    def __init__(self, per_page: int) -> None:
        self.per_page = per_page


class CountlessChangeList(ChangeList):
    """A list that reads one row more than it shows, to know whether there is a next page. It counts nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._query_strings: dict[str, str] = {}
        super().__init__(*args, **options)

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """The address with these parameters, worked out once: unfold asks for that of each header in each row."""
        wanted = repr((new_params, remove))
        if wanted not in self._query_strings:
            self._query_strings[wanted] = super().get_query_string(new_params, remove)
        return self._query_strings[wanted]

    def rows(self, first: int, count: int) -> Sequence[Any]:
        """`count` rows of the filtered and sorted list from `first` on."""
        return list(self.queryset[first : first + count])

    def get_results(self, request: HttpRequest) -> None:
        """Read the page. Raises IncorrectLookupParameters for one that is not offered."""
        if not 1 <= self.page_num <= LAST_PAGE:
            raise IncorrectLookupParameters
        first = (self.page_num - 1) * self.list_per_page
        read = self.rows(first, self.list_per_page + 1)
        self.result_list = read[: self.list_per_page]
        self.has_more = len(read) > self.list_per_page
        self.has_next = self.has_more and self.page_num < LAST_PAGE
        self.first_row, self.last_row = first + 1, first + len(self.result_list)
        # Equal counts keep the templates from speaking of a total that nobody knows.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.can_show_all = False
        self.show_admin_actions = True
        self.multi_page = self.has_more or self.page_num > 1
        self.paginator = Pager(self.list_per_page)

    @property
    def previous_address(self) -> str:
        """The address of the page before."""
        return str(self.get_query_string({"p": self.page_num - 1}))

    @property
    def next_address(self) -> str:
        """The address of the next page."""
        return str(self.get_query_string({"p": self.page_num + 1}))
