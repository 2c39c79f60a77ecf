package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/growthgenius/growthgenius-go/internal/errs"
)

// extent is what a response says, beside its list, of how much of the list it holds. The
// reference documents partial_results_only and pagination, and for searches only. The other
// names are those of common APIs: a list beside them is not complete either.
type extent struct {
	totals  map[string]int // how many records there are, by the name that says so
	counted bool           // one of the totals is a number, and not the one of this part
	more    bool           // there are more records than these
	behind  bool           // these are not the first records, unless they are as many as there are
	failed  bool           // an error is reported
	doubt   bool           // something may be a complaint
}

// errFailed means that a response reports an error and has no records.
var errFailed = errors.New("the response reports an error, and has no records")

// verdict returns an error unless a list of so many records may be complete.
func (x *extent) verdict(count int) error {
	total := 0
	for _, n := range x.totals {
		total = max(total, n)
	}
	switch {
	case x.failed && count == 0:
		return errFailed
	case x.failed:
		return fmt.Errorf("%w: the response reports an error beside its %d records", errs.ErrPartialResults, count)
	case total > count:
		return fmt.Errorf("%w: the response says that it holds %d of %d records: request a shorter period",
			errs.ErrPartialResults, count, total)
	case x.more, x.behind && (count == 0 || !x.counted):
		return fmt.Errorf("%w: the response says that it is not complete (%d records): request a shorter period",
			errs.ErrPartialResults, count)
	default:
		return nil
	}
}

// Failed reports whether the members beside a list report an error.
func Failed(beside map[string]json.RawMessage) bool {
	var x extent
	for name, value := range beside {
		if roleOf(name) == saysNothing {
			continue
		}
		dec := borrowDecoder(value)
		_ = x.hear(&dec.Decoder, name) // the value is valid
		dec.giveBack()
	}
	return x.failed
}

// ReportsError reports whether a body without records reports an error. The status in a
// record is not that of the request.
func ReportsError(body []byte) bool {
	var doc map[string]json.RawMessage
	if KindOf(body) != KindObject || Unmarshal(body, &doc) != nil {
		return false
	}
	if doc["id"] != nil {
		delete(doc, "status")
	}
	return Failed(doc)
}

// role is what the value beside a name says.
type role int

const (
	saysNothing role = iota
	holdsOthers      // its members say more
	isMore           // there is more if it is true
	isWhole          // there is more if it is false, or 0
	isEnd            // there is more if it is false
	isNext           // there is more unless it is empty
	isCursor         // the same, and if it is an object its members say more
	isPage           // there are records before these if it is over 1; if it is an object its members say more
	isOffset         // there are records before these unless it is 0; a text is that of the next ones
	isRelation       // there is more if it is "next"
	isTotal          // how many records there are
	isPages          // how many pages there are
	isError          // there was an error unless it is empty
	isSuccess        // there was an error if it is false
	isStatus         // there was an error if it is a word for that, or such a status of HTTP
	isRemark         // it may be a complaint unless it is empty, or a word for success
)

// roles are the names in lower case, without what separates their words.
var roles = map[string]role{
	"pagination": holdsOthers, "paging": holdsOthers, "pageinfo": holdsOthers,
	"meta": holdsOthers, "metadata": holdsOthers, "responsemetadata": holdsOthers, "resultinfo": holdsOthers,
	"links": holdsOthers, "cursors": holdsOthers, "info": holdsOthers, "additionaldata": holdsOthers,

	"hasmore": isMore, "hasmoreitems": isMore, "hasmorepages": isMore, "hasmorerecords": isMore, "hasmoreresults": isMore,
	"hasnext": isMore, "hasnextpage": isMore, "more": isMore, "moreavailable": isMore, "moreresults": isMore,
	"morerecords": isMore, "moreitems": isMore, "moreitemsincollection": isMore, "moreresultsavailable": isMore,
	"limitreached": isMore, "limitexceeded": isMore, "timedout": isMore,
	"continuationtoken": isNext, "continuation": isNext,
	"truncated": isMore, "istruncated": isMore, "incomplete": isMore, "incompleteresults": isMore,
	"partial": isMore, "ispartial": isMore, "partialresults": isMore, "partialresultsonly": isMore,
	"done": isWhole, "complete": isWhole, "iscomplete": isWhole, "islast": isWhole, "islastpage": isWhole,
	"endoflist": isWhole, "endofrecords": isWhole, "finished": isWhole,
	"last": isEnd, "first": isEnd, "isfirst": isEnd, "isfirstpage": isEnd,
	"odatanextlink": isNext, "cursor": isCursor, "rel": isRelation,
	"page": isPage, "currentpage": isPage, "pagenumber": isPage, "pageno": isPage, "pageindex": isPage, "startindex": isPage,
	"offset": isOffset, "start": isOffset, "startat": isOffset, "skip": isOffset,

	"totalentries": isTotal, "totalcount": isTotal, "totalrecords": isTotal, "totalresults": isTotal, "totalitems": isTotal,
	"totalelements": isTotal, "totalcontacts": isTotal, "totalmessages": isTotal, "totalusers": isTotal, "total": isTotal,
	"totalsize": isTotal, "totalrows": isTotal, "totalhits": isTotal, "totalnumber": isTotal, "count": isTotal, "recordcount": isTotal,
	"resultcount": isTotal, "numresults": isTotal, "numfound": isTotal,
	"totalpages": isPages, "pagecount": isPages, "numpages": isPages, "lastpage": isPages, "pages": isPages,

	"error": isError, "errors": isError, "errormessage": isError, "errorcode": isError, "errortype": isError,
	"fault": isError, "exception": isError, "haserror": isError, "haserrors": isError, "iserror": isError,
	"success": isSuccess, "ok": isSuccess, "succeeded": isSuccess, "successful": isSuccess, "issuccess": isSuccess,
	"issuccessful": isSuccess, "status": isStatus, "statuscode": isStatus, "httpstatus": isStatus, "httpcode": isStatus, "code": isStatus,

	"warning": isRemark, "warnings": isRemark, "message": isRemark, "detail": isRemark, "details": isRemark, "reason": isRemark,
	"degraded": isRemark, "shards": isRemark, "remaining": isRemark,
}

// The words of a status, a code or a message.
var (
	wordsForFailure = []string{"error", "fail", "failed", "failure"}
	wordsForSuccess = []string{"ok", "success", "successful", "succeeded", "done", "complete", "completed"}
)

// maxRoleName is the length of the longest name that is looked at.
const maxRoleName = 64

func roleOf(name string) role {
	if len(name) > maxRoleName {
		return saysNothing
	}
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(name))
	if strings.HasPrefix(plain, "next") && !strings.HasPrefix(plain, "nextsync") { // a token for the next poll
		return isNext
	}
	return roles[plain]
}

// hear reads the value of a name beside a list, and notes what it says.
func (x *extent) hear(dec *jsontext.Decoder, name string) error {
	return x.hearAs(dec, roleOf(name), name)
}

// hearAs is hear for a name that is given a role.
func (x *extent) hearAs(dec *jsontext.Decoder, is role, name string) error {
	kind := dec.PeekKind()
	switch {
	case is == holdsOthers && (kind == '{' || kind == '['), kind == '{' && (is == isPages || is == isPage || is == isCursor),
		kind == '{' && is == isTotal: // {"value":250,"relation":"eq"}
		return x.hearAll(dec, kind == '{', is == isTotal)
	case is == saysNothing, is == holdsOthers:
		return dec.SkipValue()
	case kind == '{' || kind == '[':
		filled, tokens, err := isFilled(dec)
		x.more = x.more || filled && (is == isNext || is == isCursor)
		x.failed = x.failed || filled && is == isError
		x.doubt = x.doubt || filled && is == isRemark || is == isError && kind == '[' && tokens > 2 // [{}]
		return err
	}
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	x.note(is, name, kind, strings.ToLower(strings.TrimSpace(token.String())))
	return nil
}

// hearAll reads an object, or a list of objects, whose members say more. All of them are
// totals, or have the roles of their names.
func (x *extent) hearAll(dec *jsontext.Decoder, object, totals bool) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for kind := dec.PeekKind(); kind != '}' && kind != ']'; kind = dec.PeekKind() {
		name := "links" // of a list of links
		if object {
			token, err := dec.ReadToken()
			if err != nil {
				return err
			}
			name = token.String()
		}
		is := roleOf(name)
		if totals {
			is = isTotal
		}
		if err := x.hearAs(dec, is, name); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// note notes what a value that is neither an object nor a list says. text is in lower case.
func (x *extent) note(is role, name string, kind jsontext.Kind, text string) {
	no := kind == 'f' || kind != 'n' && (text == "0" || text == "false" || text == "no")
	empty := no || kind == 'n' || text == "" || text == "-1"      // the offset behind the last page
	n, isNumber := wholeNumber(strings.ReplaceAll(text, ",", "")) // "1,250"
	switch is {
	case isMore, isNext, isCursor:
		x.more = x.more || !empty
	case isWhole:
		x.more = x.more || no
	case isEnd:
		x.more = x.more || no && text != "0"
	case isRelation:
		x.more = x.more || text == "next"
	case isError:
		x.failed = x.failed || !empty
	case isSuccess:
		x.failed = x.failed || no
	case isStatus:
		x.failed = x.failed || slices.Contains(wordsForFailure, text) || isNumber && n >= 400 && n < 600
		x.more = x.more || text == "partial" || text == "incomplete"
		succeeded := kind == 't' || slices.Contains(wordsForSuccess, text) || isNumber && (n == 0 || n >= 200 && n < 300)
		x.doubt = x.doubt || !succeeded && kind != 'n' && text != ""
	case isRemark:
		x.doubt = x.doubt || !empty && !slices.Contains(wordsForSuccess, text)
	case isTotal:
		x.counted = x.counted || isNumber && strings.HasPrefix(strings.ToLower(name), "total") // "count" may be of this page
		if !isNumber {
			n = 0
		}
		x.says(strings.ToLower(name), int(n))
	case isPage:
		x.behind = x.behind || isNumber && n > 1
	case isOffset:
		x.behind = x.behind || isNumber && n > 0
		x.more = x.more || kind == '"' && !isNumber && !empty
	case isPages: // "last_page" is a flag in some APIs, a number in others
		x.more = x.more || isNumber && n > 1 || kind == 'f'
	case saysNothing, holdsOthers:
	}
}

// says notes how many records there are according to a name. If the name is repeated, its
// last value counts.
func (x *extent) says(name string, total int) {
	if x.totals == nil {
		x.totals = map[string]int{}
	}
	x.totals[name] = total
}

// isFilled reads an object or a list, and reports whether there is anything in it but
// empty values, and of how many tokens it is.
func isFilled(dec *jsontext.Decoder) (filled bool, tokens int, err error) {
	for depth := dec.StackDepth(); ; {
		token, err := dec.ReadToken()
		if err != nil {
			return filled, tokens, err
		}
		tokens++
		parent, n := dec.StackIndex(dec.StackDepth())
		isName := parent == '{' && n%2 == 1
		switch token.Kind() {
		case '"':
			filled = filled || !isName && token.String() != ""
		case '0':
			filled = filled || token.String() != "0"
		case 't':
			filled = true
		}
		if dec.StackDepth() == depth {
			return filled, tokens, nil
		}
	}
}
