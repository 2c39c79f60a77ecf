package growthgeniustest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go"
)

// Page sizes of a search: the documented response has 25 results a page, and an early
// draft of the reference allowed 200 (inferred).
const (
	defaultPerPage = 25
	maxPerPage     = 200
)

type searchRequest struct {
	Keywords  string `json:"q_keywords"`
	SortBy    string `json:"sort_by_field"`
	Ascending bool   `json:"sort_ascending"`
	Page      *int   `json:"page"`
	PerPage   *int   `json:"per_page"`
	// contact_stage_ids is accepted but has no effect: no call returns the stages.
}

type breadcrumb struct {
	Label       string `json:"label"`
	Field       string `json:"signal_field_name"`
	Value       string `json:"value"`
	DisplayName string `json:"display_name"`
}

type searchPagination struct {
	Page         int `json:"page"`
	PerPage      int `json:"per_page"`
	TotalEntries int `json:"total_entries"`
	TotalPages   int `json:"total_pages"`
}

// searchContacts responds with one page of the contacts that match all keywords, sorted
// and limited to the partial results limit.
func (s *Server) searchContacts(c *call) response {
	var req searchRequest
	if err := json.Unmarshal(c.body, &req); err != nil {
		return failure(http.StatusUnprocessableEntity, "the body is not a search")
	}
	page, perPage := 1, defaultPerPage
	for name, in := range map[string]struct{ given, to *int }{
		"page":     {req.Page, &page},
		"per_page": {req.PerPage, &perPage},
	} {
		if in.given == nil {
			continue
		}
		if *in.given < 1 {
			return invalid(name, "must be greater than or equal to 1")
		}
		*in.to = *in.given
	}
	perPage = min(perPage, maxPerPage)

	found := s.search(req.Keywords)
	if !sortRows(found, req.SortBy, req.Ascending) {
		return invalid("sort_by_field", "is not a known field")
	}
	total := len(found)
	found = found[:min(total, s.cfg.partialLimit)]
	pages := (len(found) + perPage - 1) / perPage

	var items [][]byte
	if page <= pages {
		for _, r := range found[(page-1)*perPage : min(page*perPage, len(found))] {
			items = append(items, s.searchItem(r))
		}
	}
	rest := s.searchEnvelope(req.Keywords, searchPagination{page, perPage, total, pages})
	body := list(s.contacts, items, !s.cfg.flatSearchItems)
	return jsonResponse(http.StatusOK, append(body, []byte(","), rest[1:])...)
}

// search returns the contacts that match all keywords, in the order of their creation.
func (s *Server) search(keywords string) []*row {
	isSeparator := func(r rune) bool { return r == ',' || r == ' ' }
	words := strings.FieldsFunc(strings.ToLower(keywords), isSeparator)
	rows, ok := s.contacts.search.candidates(s.contacts, words)
	if !ok {
		rows = s.contacts.all()
	}
	var found []*row
	for _, r := range visible(rows, s.lagged(s.cfg.searchLag)) {
		if r.matches(words) {
			found = append(found, r)
		}
	}
	return found
}

// searchEnvelope returns the fields of a search response other than its records, as JSON.
func (s *Server) searchEnvelope(keywords string, pagination searchPagination) json.RawMessage {
	crumbs := []breadcrumb{}
	if keywords != "" {
		crumbs = []breadcrumb{{"Contains Keywords", "q_keywords", keywords, keywords}}
	}
	limit := s.cfg.partialLimit
	return mustJSON(struct {
		Breadcrumbs    []breadcrumb     `json:"breadcrumbs"`
		Partial        bool             `json:"partial_results_only"`
		DisableEU      bool             `json:"disable_eu_prospecting"`
		Limit          int              `json:"partial_results_limit"`
		Pagination     searchPagination `json:"pagination"`
		NumFetchResult *int             `json:"num_fetch_result"`
	}{crumbs, pagination.TotalEntries > limit, false, limit, pagination, nil})
}

// matches reports whether each of the words is part of the text of a contact.
func (r *row) matches(words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(r.text, word) })
}

// sortRows sorts rows by a field, and rows with equal values by their age in the same
// direction. If the field is "", rows stay in the order of creation. The server does not
// store the dates of activity, opens and clicks: it uses the time of the last update
// instead. sortRows returns false if the field is not known.
func sortRows(rows []*row, field string, ascending bool) bool {
	var key func(*row) time.Time
	switch field {
	case "":
		return true
	case "contact_created_at":
		key = func(r *row) time.Time { return r.created }
	case "contact_updated_at", "contact_last_activity_date",
		"contact_email_last_opened_at", "contact_email_last_clicked_at":
		key = func(r *row) time.Time { return r.updated }
	default:
		return false
	}
	if !ascending {
		slices.Reverse(rows)
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		if ascending {
			return key(a).Compare(key(b))
		}
		return key(b).Compare(key(a))
	})
	return true
}

// searchItem returns a contact as searches show it: with its UUID and the fields of the
// documented sample, including fist_name.
func (s *Server) searchItem(r *row) []byte {
	id := growthgenius.ID(r.searchID)
	if s.cfg.integerSearchIDs {
		id = r.id
	}
	if s.cfg.fullSearchRecords {
		return s.contacts.renderedAs(r, string(id))
	}
	value := func(name string) json.RawMessage {
		if v, ok := r.fields[name]; ok {
			return v
		}
		return null
	}
	return mustJSON(struct {
		ID        growthgenius.ID `json:"id"`
		FullName  json.RawMessage `json:"full_name"`
		FirstName json.RawMessage `json:"fist_name"`
		LastName  json.RawMessage `json:"last_name"`
		Email     json.RawMessage `json:"email"`
		Elision   string          `json:"//"`
	}{id, value("full_name"), value("first_name"), value("last_name"), value("email"), "..."})
}
