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

// SearchOptions says what to search for. The zero value asks for the first page of
// everything, in the API's own order.
type SearchOptions struct {
	// Keywords such as "Elon Musk, CEO, Tesla". Documented as q_keywords.
	Keywords string `json:"q_keywords,omitzero"`
	// SortByField orders the results; "" leaves the order to the API. Documented.
	SortByField SortField `json:"sort_by_field,omitzero"`
	// SortAscending turns the order round. It is sent only with SortByField. Documented.
	SortAscending bool `json:"sort_ascending,omitzero"`
	// ContactStageIDs limits the search to contacts in these stages. Inferred.
	ContactStageIDs []ID `json:"contact_stage_ids,omitzero"`
	// Page counts from 1; 0 leaves it to the API. Inferred: the reference documents
	// paging in the answer only.
	Page int `json:"page,omitzero"`
	// PerPage is the number of results a page; 0 leaves it to the API. An early draft of
	// the reference allowed at most 200. Inferred.
	PerPage int `json:"per_page,omitzero"`

	// Prefetch is how many pages [ContactsService.SearchPages] and SearchAll ask for ahead
	// of the one the loop is at: 0 means 1, negative none. It is not sent.
	Prefetch int `json:"-"`

	// Extra is sent beside the fields above, for filters that are not documented. A key
	// that is a field's own is an error.
	Extra map[string]any `json:",embed,unknown"`
}

// SortField is an order of search results. The API may know others than those below.
type SortField string

// The orders known. The first is documented, the others are inferred.
const (
	SortByLastActivity     SortField = "contact_last_activity_date"
	SortByEmailLastOpened  SortField = "contact_email_last_opened_at"
	SortByEmailLastClicked SortField = "contact_email_last_clicked_at"
	SortByCreated          SortField = "contact_created_at"
	SortByUpdated          SortField = "contact_updated_at"
)

// searchBody is SearchOptions as sent. Its SortAscending takes the place of the embedded
// one: it goes with sort_by_field, and then false is said too.
type searchBody struct {
	SearchOptions
	SortAscending Optional[bool] `json:"sort_ascending,omitzero"`
}

// ContactPage is a page of search results with all that the API says about it. Every
// field is documented.
type ContactPage struct {
	// Contacts carry only a few fields in search results, and their ids may be of
	// another kind than those of [ContactsService.Get].
	Contacts []Contact `json:"contacts,omitzero"`
	// Breadcrumbs describe the search in words.
	Breadcrumbs []Breadcrumb `json:"breadcrumbs,omitzero"`
	// PartialResultsOnly says that the API stopped short of all results.
	PartialResultsOnly bool `json:"partial_results_only,omitzero"`
	// DisableEUProspecting says that people in the EU are left out.
	DisableEUProspecting bool `json:"disable_eu_prospecting,omitzero"`
	// PartialResultsLimit is the most a search returns over all pages: 10000 in the reference.
	PartialResultsLimit int `json:"partial_results_limit,omitzero"`
	// Pagination says which page this is.
	Pagination Pagination `json:"pagination,omitzero"`
	// NumFetchResult was only ever seen null, so it is kept as it comes.
	NumFetchResult json.RawMessage `json:"num_fetch_result,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Breadcrumb describes one part of a search in words. Documented.
type Breadcrumb struct {
	Label           string `json:"label,omitzero"`             // Such as "Contains Keywords".
	SignalFieldName string `json:"signal_field_name,omitzero"` // Such as "q_keywords".
	Value           string `json:"value,omitzero"`
	DisplayName     string `json:"display_name,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

// Pagination is where a page stands among the others. Documented.
type Pagination struct {
	Page         int `json:"page,omitzero"`          // Counted from 1.
	PerPage      int `json:"per_page,omitzero"`      // 25 in the reference.
	TotalEntries int `json:"total_entries,omitzero"` // Results over all pages.
	TotalPages   int `json:"total_pages,omitzero"`

	// Extra keeps unknown keys and values of unexpected types, as [Contact].Extra does.
	Extra map[string]json.RawMessage `json:",embed,unknown"`
}

var searchEndpoint = endpoint{method: http.MethodPost, route: "/contacts/search", class: engine.Safe}

// Search returns one page of the contacts that match, with the whole envelope; see
// SearchPages and SearchAll for all of them. Search is a read: though it is a POST it is
// retried like one.
//
// It returns at most 10,000 results over all pages (documented as partial_results_limit).
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

// body is the search as sent. It shares nothing with the caller that the caller could change.
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

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (p *ContactPage) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (p ContactPage) MarshalJSON() ([]byte, error) {
	type plain ContactPage
	return wire.MarshalRecord((*plain)(&p))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (b *Breadcrumb) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, b) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (b Breadcrumb) MarshalJSON() ([]byte, error) {
	type plain Breadcrumb
	return wire.MarshalRecord((*plain)(&b))
}

// UnmarshalJSON decodes the record. A field of an unexpected type does not fail it.
func (p *Pagination) UnmarshalJSON(data []byte) error { return wire.UnmarshalRecord(data, p) }

// MarshalJSON encodes the record under the API's names, Extra included.
func (p Pagination) MarshalJSON() ([]byte, error) {
	type plain Pagination
	return wire.MarshalRecord((*plain)(&p))
}

// callPage makes a call that is answered with a page of search results.
func callPage(ctx context.Context, c caller, e endpoint, opts []RequestOption) (*ContactPage, error) {
	p := new(ContactPage)
	err := c.callWhole(ctx, e, p, opts, func() error {
		// One contact may stand alone under the singular name.
		var alone Contact
		if raw := p.Extra["contact"]; p.Contacts == nil && wire.KindOf(raw) == wire.KindObject && alone.UnmarshalJSON(raw) == nil {
			p.Contacts = []Contact{alone}
			if delete(p.Extra, "contact"); len(p.Extra) == 0 {
				p.Extra = nil
			}
		}
		if p.Contacts == nil {
			return errors.New(`the answer has no list of "contacts"`)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}
