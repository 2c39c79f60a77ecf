package growthgenius

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/growthgenius/growthgenius-go/internal/engine"
	"github.com/growthgenius/growthgenius-go/internal/wire"
)

// SearchOptions selects the contacts to search for. The zero value asks for the first
// page of all contacts, in the API's own order.
type SearchOptions struct {
	// Keywords are the words to search for, such as "Elon Musk, CEO, Tesla". Documented
	// as q_keywords.
	Keywords string `json:"q_keywords,omitzero"`
	// SortByField is what to sort the results by; "" leaves it to the API. Documented.
	SortByField SortField `json:"sort_by_field,omitzero"`
	// SortAscending sorts in ascending order. It is sent only with SortByField.
	// Documented.
	SortAscending bool `json:"sort_ascending,omitzero"`
	// ContactStageIDs restricts the search to contacts in these stages. Inferred.
	ContactStageIDs []ID `json:"contact_stage_ids,omitzero"`
	// Page is the number of the page, from 1; 0 leaves it to the API. Inferred: the
	// reference documents paging only in the response.
	Page int `json:"page,omitzero"`
	// PerPage is the number of results on a page; 0 leaves it to the API. An early draft
	// of the reference allowed at most 200. Inferred.
	PerPage int `json:"per_page,omitzero"`

	// Prefetch is how many pages [ContactsService.SearchPages] and
	// [ContactsService.SearchAll] request ahead of the page that the loop is working on.
	// 0 means 1, and a negative number means none. It is not sent.
	Prefetch int `json:"-"`

	// Extra is sent along with the fields above, for filters that are not documented. A
	// key that belongs to one of the fields is an error.
	Extra map[string]any `json:",embed,unknown"`
}

// SortField is what search results are sorted by. The API may know more than those below.
type SortField string

// The known sort fields. The first is documented, the others are inferred.
const (
	SortByLastActivity     SortField = "contact_last_activity_date"
	SortByEmailLastOpened  SortField = "contact_email_last_opened_at"
	SortByEmailLastClicked SortField = "contact_email_last_clicked_at"
	SortByCreated          SortField = "contact_created_at"
	SortByUpdated          SortField = "contact_updated_at"
)

// searchBody is SearchOptions as sent. Its SortAscending replaces the embedded one: it is
// sent if and only if sort_by_field is, even if it is false.
type searchBody struct {
	SearchOptions
	SortAscending Optional[bool] `json:"sort_ascending,omitzero"`
}

// ContactPage is a page of search results, and what the API says about it. All fields are
// documented.
type ContactPage struct {
	// Contacts have only a few of their fields in search results, and their ids may be of
	// another kind than those in other responses.
	Contacts []Contact `json:"contacts,omitzero"`
	// Breadcrumbs describe the search in words.
	Breadcrumbs []Breadcrumb `json:"breadcrumbs,omitzero"`
	// PartialResultsOnly means that the API does not return all results.
	PartialResultsOnly bool `json:"partial_results_only,omitzero"`
	// DisableEUProspecting means that people in the EU are left out.
	DisableEUProspecting bool `json:"disable_eu_prospecting,omitzero"`
	// PartialResultsLimit is the most that a search returns over all pages: 10,000 in the
	// reference.
	PartialResultsLimit int `json:"partial_results_limit,omitzero"`
	// Pagination is the number of this page and the size of the whole result.
	Pagination Pagination `json:"pagination,omitzero"`
	// NumFetchResult is null in all samples, so its JSON is kept as it is.
	NumFetchResult json.RawMessage `json:"num_fetch_result,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Breadcrumb describes one part of a search in words. Documented.
type Breadcrumb struct {
	Label           string `json:"label,omitzero"`             // Such as "Contains Keywords".
	SignalFieldName string `json:"signal_field_name,omitzero"` // Such as "q_keywords".
	Value           string `json:"value,omitzero"`
	DisplayName     string `json:"display_name,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Pagination describes a page's place in the results of a search. Documented.
type Pagination struct {
	Page         int `json:"page,omitzero"`          // From 1.
	PerPage      int `json:"per_page,omitzero"`      // 25 in the reference.
	TotalEntries int `json:"total_entries,omitzero"` // Results on all pages.
	TotalPages   int `json:"total_pages,omitzero"`

	// Extra holds unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

var searchEndpoint = endpoint{method: http.MethodPost, route: "/contacts/search", class: engine.Safe}

// Search returns one page of the contacts that match, with everything that the API says
// about it. To get all contacts that match, use [ContactsService.SearchPages] or
// [ContactsService.SearchAll].
//
// The request is a POST, but it only reads, so it is retried like any other read. Over
// all pages, the API returns at most 10,000 results (documented as
// partial_results_limit).
func (s *ContactsService) Search(ctx context.Context, search SearchOptions, opts ...RequestOption) (*ContactPage, error) {
	body, err := search.body()
	if err != nil {
		return nil, err
	}
	return s.search(ctx, body, opts)
}

func (s *ContactsService) search(ctx context.Context, body searchBody, opts []RequestOption) (*ContactPage, error) {
	e := searchEndpoint
	e.body = body
	return callPage(ctx, s.caller, e, opts)
}

// body returns the search as sent. It shares no memory with the caller's options, which
// the caller may change.
func (o SearchOptions) body() (searchBody, error) {
	if o.Page < 0 || o.PerPage < 0 {
		return searchBody{}, searchEndpoint.refuse(fmt.Errorf("%w: Page is %d and PerPage %d, neither may be negative (pages count from 1, 0 leaves it to the API)",
			ErrInvalidInput, o.Page, o.PerPage))
	}
	extra, err := wire.EncodeExtra(reflect.TypeFor[SearchOptions](), o.Extra)
	if err != nil {
		return searchBody{}, searchEndpoint.refuse(err)
	}
	o.Extra, o.ContactStageIDs = extra, slices.Clone(o.ContactStageIDs)
	body := searchBody{SearchOptions: o}
	if o.SortByField != "" {
		body.SortAscending = Set(o.SortAscending)
	}
	return body, nil
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (p *ContactPage) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (p ContactPage) MarshalJSON() ([]byte, error) {
	type plain ContactPage
	return wire.MarshalRecord((*plain)(&p))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (b *Breadcrumb) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, b) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (b Breadcrumb) MarshalJSON() ([]byte, error) {
	type plain Breadcrumb
	return wire.MarshalRecord((*plain)(&b))
}

// UnmarshalJSON decodes the record. A field of an unexpected type is not an error.
func (p *Pagination) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (p Pagination) MarshalJSON() ([]byte, error) {
	type plain Pagination
	return wire.MarshalRecord((*plain)(&p))
}

// callPage makes a call and decodes the page of search results in its response.
func callPage(ctx context.Context, c caller, e endpoint, opts []RequestOption) (*ContactPage, error) {
	p := new(ContactPage)
	err := c.callWhole(ctx, e, p, opts, func() error {
		// A single contact may be there under the singular name.
		var alone Contact
		if raw := p.Extra["contact"]; p.Contacts == nil && wire.KindOf(raw) == wire.KindObject && alone.UnmarshalJSON(raw) == nil {
			p.Contacts = []Contact{alone}
			delete(p.Extra, "contact")
			if len(p.Extra) == 0 {
				p.Extra = nil
			}
		}
		switch {
		case p.Contacts == nil:
			return errors.New(`the response has no list of "contacts"`)
		case len(p.Contacts) == 0 && wire.Failed(p.Extra):
			return errors.New("the response reports an error, and has no contacts")
		default:
			return nil
		}
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}
