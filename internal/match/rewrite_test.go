package match_test

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go/internal/match"
)

// TestRewritings: what servers are known to make of a field is never a stranger, and a
// field that no server makes of it is one.
func TestRewritings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		field, sent string
		want        match.Likeness
		rows        []string
	}{
		{"email", "o'brien@example.com", match.Exact, []string{
			"o&#39;brien@example.com", "o&apos;brien@example.com", "O&#x27;Brien@Example.COM", "o&amp;#39;brien@example.com", " o'brien@example.com. ", "o'brien\u200b@example.com",
		}},
		{"email", "o'brien@example.com", match.Near, []string{
			"obrien@example.com", `o\'brien@example.com`, "o''brien@example.com", "o%27brien@example.com", "o’brien@example.com", "Pat O'Brien <o'brien@example.com>", "mailto:o'brien@example.com",
		}},
		{"email", "o'brien@example.com", match.Unlike, []string{"o'brian@example.com", "brien@example.com", "o'brien@example.org", "o'brien+x@example.com", "o'brien@mail.example.com"}},
		{"email", "Ada+News@Example.com", match.Exact, []string{"ada+news@example.com", "ada&#43;news@example.com"}},
		{"email", "ada+news@example.com", match.Near, []string{"ada@example.com", "Ada@example.com", "ada%2Bnews@example.com", "ada news@example.com"}},
		{"email", "support+acme@example.com", match.Unlike, []string{"support+beta@example.com", "support+acme2@example.com", "supportacme@example.com"}},
		{"email", "support@example.com", match.Unlike, []string{"support+acme@example.com"}},
		{"email", "john.doe@example.com", match.Unlike, []string{"johndoe@example.com", "john_doe@example.com", "john-doe@example.com", "j.ohndoe@example.com"}},
		{"email", "john.doe@gmail.com", match.Near, []string{"johndoe@gmail.com", "johndoe@googlemail.com", "j.ohn.doe@gmail.com"}},
		{"email", "john.doe+x@googlemail.com", match.Near, []string{"johndoe@gmail.com", "john.doe@googlemail.com"}},
		{"email", "ada.byron-news@yahoo.com", match.Near, []string{"ada.byron@yahoo.com", "Ada.Byron@YAHOO.com"}},
		{"email", "ada-news@yahoo.co.uk", match.Near, []string{"ada@yahoo.co.uk"}},
		{"email", "ada-news@yahoo.com", match.Unlike, []string{"ada-crm@yahoo.com", "adanews@yahoo.com", "ada@yahoo.de", "bob@yahoo.com"}},
		{"email", "ada@yahoo.com", match.Unlike, []string{"ada-news@yahoo.com"}},
		{"email", "ada-news@example.com", match.Unlike, []string{"ada@example.com"}},
		{"email", "-ada@yahoo.com", match.Unlike, []string{"-bob@yahoo.com", "@yahoo.com"}},
		{"email", "ada@Müller.example", match.Exact, []string{"ada@xn--mller-kva.example", "ada@XN--MLLER-KVA.example.", "ADA@mu\u0308ller.example", "ada@m&uuml;ller.example"}},
		{"email", "ada@xn--mller-kva.example", match.Exact, []string{"ada@müller.example"}},
		{"email", "ada@müller.example", match.Near, []string{"ada@m?ller.example", "ada@m??ller.example", "ada@muller.example", "ada@mueller.example", "ada@mÃ¼ller.example"}},
		{"email", "ada@müller.example", match.Unlike, []string{"ada@möller.example", "ada@mller.example.org"}},
		{"email", "ada@xnmllerkvä.example", match.Unlike, []string{"ada@xn--mller-kva.example"}},
		{"email", "ada@straße.example", match.Exact, []string{"ada@xn--strae-oqa.example"}},
		{"email", "jo\u0308rg@example.com", match.Exact, []string{"jörg@example.com", "JÖRG@example.com"}},
		{"email", "jörg@example.com", match.Near, []string{"jorg@example.com", "JÃ¶rg@example.com", "joerg@example.com", "j?rg@example.com", "jrg@example.com", "j??rg@example.com"}},
		{"email", "jörg@müller.example", match.Near, []string{"j?rg@m?ller.example"}},
		{"email", "jörg@example.com", match.Unlike, []string{"jürg@example.com", "j?rg@example.org", "george@example.com"}},
		{"email", "a.very.long.name.of.somebody@department.example.com", match.Near, []string{"a.very.long.name.of.somebody@department"}},
		{"email", "ada@example.com.au", match.Unlike, []string{"ada@example.com"}},
		{"email", "Ada <ada@example.com>", match.Near, []string{"ada@example.com"}},
		{"email", "n/a", match.Near, []string{"na"}},
		{"email", "n/a", match.Unlike, []string{"na@example.com", "none"}},

		{"full_name", "Pat O'Brien", match.Exact, []string{"pat  o'brien", "Pat O&#39;Brien", "Pat O&amp;#39;Brien", "Pat\u00a0O'Brien", "Pat\u2003O'Bri\u00aden"}},
		{"full_name", "Pat O'Brien", match.Near, []string{"Pat O’Brien", "Pat OBrien", "Pat O Brien", `Pat O\'Brien`, "O'Brien, Pat", "<b>Pat</b> O'Brien"}},
		{"full_name", "Pat O'Brien", match.Unlike, []string{"Pat Brien", "Pat O'Brian", "Patricia O'Brien", "Pat"}},
		{"full_name", "José Müller-Groß", match.Exact, []string{"Jose\u0301 Mu\u0308ller-Groß", "JOSÉ MÜLLER-GROSS"}},
		{"full_name", "José Müller-Groß", match.Near, []string{"Jose Muller-Gross", "Jos? M?ller-Gro?", "Jos\ufffd M\ufffdller-Gro\ufffd", "JosÃ© MÃ¼ller-GroÃ\u009f", "Jos Mller-Gro", "José Mueller‑Gross"}},
		{"full_name", "Zoë D’Čapek–Œuvré", match.Near, []string{"ZoÃ« Dâ€™ÄŒapekâ€“Å’uvrÃ©", "ZoÃ« Dâ\u0080\u0099Ä\u008capekâ\u0080\u0093Å\u0092uvrÃ©"}},
		{"full_name", "Dr. Ada Maria Byron", match.Near, []string{"Ada Byron", "Ada Maria Byron"}},
		{"full_name", "Οδυσσεύς", match.Exact, []string{"ΟΔΥΣΣΕΎΣ"}},
		{"full_name", "ﬁona Ｗong", match.Near, []string{"Fiona Wong"}},
		{"full_name", "Łukasz Sørensen", match.Near, []string{"Lukasz Sorensen"}},
		{"full_name", "Иван Петров", match.Near, []string{"???? ??????"}},
		{"full_name", "Иван Петров", match.Unlike, []string{"Пётр Иванов", "Ivan Petrov"}},
		{"full_name", "Wolfeschlegelsteinhausen Bergerdorff", match.Near, []string{"Wolfeschlegelsteinh", "Wolfeschlegelstein…"}},
		{"full_name", "Alexandra Papadopoulos", match.Near, []string{"Alexandra Papadopo", "Alexandra P", "Alexandra", "ALEXANDRA PAP…"}},
		{"full_name", "Alexandra Papadopoulos", match.Unlike, []string{"Alexandr", "Alexandra Petrou", "Alexandros"}},
		{"full_name", "Test Person 12", match.Unlike, []string{"Test Person 1"}},
		{"full_name", "Jo de la Rosa Maria", match.Near, []string{"Jo de la R"}},
		{"full_name", "Jo de la Rosa Maria", match.Unlike, []string{"Jo de l", "Jo"}},
		{"full_name", "Ada Byron", match.Unlike, []string{"Ada Byron-King", "Bob Byron", "Ada Bell"}},

		{"linkedin_url", "https://www.linkedin.com/in/ada/", match.Near, []string{"linkedin.com/in/ada", "http://linkedin.com/in/Ada", "de.linkedin.com/in/ada?trk=x", "/in/ada", "https://www.linkedin.com/in/ada#about"}},
		{"linkedin_url", "https://www.linkedin.com/in/ada", match.Unlike, []string{"linkedin.com/in/ada-2", "linkedin.com/in/bada", "linkedin.com/pub/ada"}},

		{"mobile_phone", "+49 (0)151 123-456", match.Near, []string{"+49151123456", "0151123456", "0049 151 123456", "151123456", "49151123456 x12"}},
		{"mobile_phone", "+49 (0)151 123-456", match.Unlike, []string{"+49151123457", "123456789"}},
		{"mobile_phone", "(0151) 123-456 ext. 12", match.Near, []string{"+49151123456", "0151123456", "+49151123456,12", "0151 123456 x12"}},
		{"mobile_phone", "0151123456x12", match.Unlike, []string{"+49151123457", "12"}},
		{"mobile_phone", "0151123456", match.Exact, []string{"0151123456"}},
	} {
		for _, stored := range test.rows {
			content, row := oneField(test.field, test.sent), oneField(test.field, stored)
			if got := match.Compare(match.Contact, content, row); got != test.want {
				t.Errorf("%s: %q was sent, and the record has %q: %d, want %d", test.field, test.sent, stored, got, test.want)
			}
			if got := match.Contradicts(match.Contact, content, row); got != (test.want == match.Unlike) {
				t.Errorf("%s: %q contradicts %q: %t", test.field, stored, test.sent, got)
			}
			if a, b := match.Mark(match.Contact, content), match.Mark(match.Contact, row); test.want != match.Unlike && a != b && a != "" && b != "" {
				t.Errorf("%s: the marks of %q and %q are %q and %q", test.field, test.sent, stored, a, b)
			}
		}
	}
}

// TestRewrittenMessages is TestRewritings for messages to one contact.
func TestRewrittenMessages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sent string
		want match.Likeness
		rows []string
	}{
		{`"rendered_copy":"<p>Q&A at \"5\"</p>\n<p>don't 👍 be late</p>"`, match.Exact, []string{
			`"rendered_copy":"&lt;p&gt;Q&amp;A at &quot;5&quot;&lt;/p&gt; &lt;p&gt;don&#39;t 👍 be late&lt;/p&gt;"`,
			`"rendered_copy":"<p>Q&A at \"5\"</p>\r\n<p>don't 👍\u00a0be late</p>"`,
		}},
		{`"rendered_copy":"<p>Q&A at \"5\"</p>\n<p>don't 👍 be late</p>"`, match.Near, []string{
			`"rendered_copy":"Q&A at \"5\"\n\ndon't 👍 be late"`, `"rendered_copy":"Q&A at “5” don’t be late"`, `"rendered_copy":"Q&A at 5don't ? be late"`,
			`"rendered_copy":"Q&A at \"5\"\ndon't"`, `"rendered_copy":"Q&A at \"5\" don't 👍 be late\n--\nUnsubscribe"`, `"rendered_copy":"Q&A at \"5\" don't …"`,
		}},
		{`"rendered_copy":"Hi <script>alert(1)</script>Louis"`, match.Near, []string{`"rendered_copy":"Hi Louis"`, `"rendered_copy":"Hi alert(1)Louis"`}},
		{`"rendered_copy":"Hi Louis, see https://acme.example/offer?id=7. Ada"`, match.Near, []string{
			`"rendered_copy":"Hi Louis, see https://click.vendor.example/c/x7f9. Ada"`, `"rendered_copy":"Hi Louis, see www.trk.example/x. Ada\n--\nUnsubscribe: https://trk.example/u"`, `"rendered_copy":"Hi Louis, see <a href=\"https://trk.example/c\">https://trk.example/c</a>"`, `"rendered_copy":"Hi Louis, see . Ada"`,
		}},
		{`"rendered_copy":"Hi Louis, see https://acme.example/offer?id=7. Ada"`, match.Unlike, []string{
			`"rendered_copy":"Hi Lea, see https://click.vendor.example/c/x7f9. Ada"`, `"rendered_copy":"Hi Louis, read https://acme.example/offer?id=7. Ada"`,
		}},
		{`"rendered_copy":"acme.example/offer/7"`, match.Near, []string{`"rendered_copy":"https://trk.example/c"`}},
		{`"rendered_copy":"acme.example/offer/7"`, match.Unlike, []string{`"rendered_copy":"see https://trk.example/c"`, `"rendered_copy":"Thanks!"`}},
		{`"rendered_copy":"Hi {{ first_name }}, are you at {{company}} on Friday?"`, match.Near, []string{
			`"rendered_copy":"Hi Louis, are you at Acme, Inc. on Friday?"`, `"rendered_copy":"<p>Hi Louis,</p> are you at Acme on Friday?\n--\nUnsubscribe"`, `"rendered_copy":"Hi , are you at  on Friday?"`,
			`"rendered_copy":"Hi Louis, are"`, `"rendered_copy":"Hi Louis, are you at Acme, I"`,
		}},
		{`"rendered_copy":"Hi {{ first_name }}, are you at {{company}} on Friday?"`, match.Unlike, []string{
			`"rendered_copy":"Hi Louis, see you on Monday."`, `"rendered_copy":"Dear Louis, are you at Acme on Friday?"`, `"rendered_copy":"Hi Louis, ar"`, `"rendered_copy":"Are you at Acme on Friday?"`,
			`"rendered_copy":"Hi Louis, are you at Acme, which is a long name, on Monday?"`,
		}},
		{`"rendered_copy":"<p>Dear *|FNAME|* %last_name%,</p><a href=\"{{url}}\">[[offer]]</a> <<sign>>"`, match.Near, []string{`"rendered_copy":"Dear Louis Vuitton,\nThe offer\nAda"`}},
		{`"rendered_copy":"{{body}}"`, match.Near, []string{`"rendered_copy":"anything"`}},
		{`"rendered_copy":"50% off, and 20% more"`, match.Unlike, []string{`"rendered_copy":"50 or 20% more"`}},
		{`"rendered_copy":"See {{url}} and https://acme.example/x, Louis"`, match.Near, []string{`"rendered_copy":"See the page and https://trk.example/c, Louis"`}},
		{`"rendered_copy":"Hey Louis, are you free on Friday?"`, match.Near, []string{`"rendered_copy":"Hey Lo"`, `"rendered_copy":"Hey"`, `"rendered_copy":"Hey…"`}},
		{`"rendered_copy":"Hey Louis, are you free on Friday?"`, match.Unlike, []string{`"rendered_copy":"He"`, `"rendered_copy":"Hey Lea"`, `"rendered_copy":"Hey Louis, see you on Monday"`}},
		{`"rendered_copy":"Hey"`, match.Unlike, []string{`"rendered_copy":"Hey Louis, are you free?"`}},
		{`"rendered_copy":"a < b and c > d"`, match.Near, []string{`"rendered_copy":"a  b and c  d"`}},
		{`"rendered_copy":"Hi Louis, how are you?"`, match.Near, []string{
			`"rendered_copy":"Sent by Ada:\nHi Louis, how are you?"`, `"rendered_copy":"<div>[CRM] Hi Louis, how are you?</div>\n--\nUnsubscribe"`,
		}},
		{`"rendered_copy":"Hi Louis"`, match.Unlike, []string{`"rendered_copy":"Dear Lea, say hi to Louis"`, `"rendered_copy":"So hi Louis"`}},
		{`"rendered_copy":"Hi Louis"`, match.Unlike, []string{`"rendered_copy":"Hi Lea"`, `"rendered_copy":"Hi"`}},
		{`"rendered_copy":"message 1"`, match.Unlike, []string{`"rendered_copy":"message 12"`, `"rendered_copy":"message 2"`}},
		{`"rendered_copy":"call the office on 0301234567"`, match.Near, []string{`"rendered_copy":"call the office on 03012"`}},
		{`"rendered_copy":"Hi 👍 thanks"`, match.Near, []string{`"rendered_copy":"Hi"`}},
		{`"rendered_copy":"message 12"`, match.Unlike, []string{`"rendered_copy":"message 1"`}},
		{`"rendered_copy":"x","sent_at":"2019-08-09T07:10:41.2751-04:00"`, match.Exact, []string{
			`"rendered_copy":"x","sent_at":"2019-08-09T11:10:41.275Z"`, `"rendered_copy":"x","sent_at":"2019-08-09T13:10:41.2755+02:00"`,
		}},
		{`"rendered_copy":"x","sent_at":"2019-08-09T07:10:41.2751-04:00"`, match.Near, []string{
			`"rendered_copy":"x","sent_at":"2019-08-09T11:10:41Z"`, `"rendered_copy":"x","sent_at":"2019-08-09T11:10:42Z"`, `"rendered_copy":"x","sent_at":"2019-08-09T11:10:41.277Z"`,
			`"rendered_copy":"x","sent_at":"2019-08-09T11:10:00Z"`, `"rendered_copy":"x","sent_at":"2019-08-09T07:10:41.275Z"`, `"rendered_copy":"x","sent_at":"2019-08-09 11:10:41"`,
			`"rendered_copy":"x","sent_at":"2019-08-09"`, `"rendered_copy":"x","sent_at":1565349041`, `"rendered_copy":"x","sent_at":"1565349041275"`, `"rendered_copy":"x","sent_at":null`,
			`"rendered_copy":"x","sent_at":"Fri, 09 Aug 2019 11:10:41 GMT"`, `"rendered_copy":null,"sent_at":"2019-08-09T11:10:41.275Z"`, `"sent_at":"2019-08-09T16:40:41+05:30"`,
		}},
		{`"rendered_copy":"x","sent_at":"2019-08-09T11:10:41.275Z"`, match.Unlike, []string{
			`"rendered_copy":"y","sent_at":"2019-08-09T11:10:41.275Z"`, `"rendered_copy":"x","sent_at":"2019-08-09T11:10:43Z"`, `"rendered_copy":"x","sent_at":"2019-08-09T11:12:00Z"`,
			`"rendered_copy":"x","sent_at":"2019-08-11"`, `"rendered_copy":"x","sent_at":"2019-08-12T11:10:41.275Z"`, `"rendered_copy":"x","sent_at":"later"`,
		}},
		{`"sent_at":"2019-08-09T11:10:00Z"`, match.Unlike, []string{`"sent_at":"2019-08-09T11:11:00Z"`, `"sent_at":"2019-08-09T11:10:01Z"`}},
		{`"rendered_subject":"Re: Offer"`, match.Unlike, []string{`"rendered_subject":"Re: Demo"`}},
		{`"rendered_subject":"Re: Offer"`, match.Near, []string{`"rendered_subject":"re offer"`, `"rendered_subject":"Re: Offer","rendered_copy":"more than was sent"`}},
		{`"message_type":"A message"`, match.Near, []string{`"message_type":"a_message"`, `"message_type":"A message","rendered_copy":"x"`}},
		{`"message_type":"A message","rendered_copy":"x"`, match.Near, []string{`"message_type":"other","rendered_copy":"x"`, `"message_type":"a message","rendered_copy":null`}},
		{`"message_type":"A message","rendered_copy":"x"`, match.Unlike, []string{`"message_type":"call","rendered_copy":null`, `"message_type":"A message","rendered_copy":"y"`}},
		{`"team_id":5`, match.Exact, []string{`"team_id":5`}},
		{`"team_id":5`, match.Near, []string{`"team_id":6`, `"team_id":5,"rendered_copy":"x"`}},
	} {
		for _, stored := range test.rows {
			content, row := rowOf(t, `{"contact_id":7,`+test.sent+`}`), rowOf(t, `{"contact_id":"7",`+stored+`}`)
			if got := match.Compare(match.Message, content, row); got != test.want {
				t.Errorf("%s was sent, and the record has %s: %d, want %d", test.sent, stored, got, test.want)
			}
		}
	}
}

// TestContactIDs: an id of another kind may be that of the same contact.
func TestContactIDs(t *testing.T) {
	t.Parallel()
	const uuid = `"d54c54ad-40be-4305-8a34-0ab44710b90d"`
	for _, test := range []struct {
		sent, row string
		want      match.Likeness
	}{
		{`7`, `"007"`, match.Exact},
		{`"1102755"`, `1.102755e6`, match.Exact},
		{`70`, `70.0`, match.Exact},
		{uuid, `"D54C54AD40BE43058A340AB44710B90D"`, match.Near},
		{uuid, `183`, match.Near},
		{`183`, uuid, match.Near},
		{`183`, `null`, match.Near},
		{`7`, `70`, match.Unlike},
		{`7`, `-7`, match.Unlike},
		{`1.5`, `15`, match.Unlike},
		{uuid, `"d54c54ad-40be-4305-8a34-0ab44710b90e"`, match.Unlike},
	} {
		content, row := rowOf(t, `{"rendered_copy":"x","contact_id":`+test.sent+`}`), rowOf(t, `{"rendered_copy":"x","contact_id":`+test.row+`}`)
		if got := match.Compare(match.Message, content, row); got != test.want {
			t.Errorf("%s was sent, and the record has %s: %d, want %d", test.sent, test.row, got, test.want)
		}
		x, y := match.Mark(match.Message, content), match.Mark(match.Message, row)
		if test.want != match.Unlike && x != y && x != "" && y != "" {
			t.Errorf("the marks of %s and %s are %q and %q", test.sent, test.row, x, y)
		}
	}
}

// TestMoreThanWasSent: a contact that has more than was sent to identify one may be another.
func TestMoreThanWasSent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, content, row string
		want               match.Likeness
	}{
		{"an address and a number", `{"first_name":"Ada"}`, `{"first_name":"Ada","email":"ada@example.com","work_phone":"1234567"}`, match.Near},
		{"a number", `{"first_name":"Ada"}`, `{"first_name":"Ada","work_phone":"1234567"}`, match.Near},
		{"a page", `{"full_name":"Ada"}`, `{"full_name":"Ada","linkedin_url":"in/ada"}`, match.Near},
		{"a last name", `{"first_name":"Ada"}`, `{"first_name":"Ada","last_name":"Byron"}`, match.Near},
		{"a last name in the full one", `{"first_name":"Ada"}`, `{"full_name":"Ada Byron"}`, match.Near},
		{"a name", `{"mobile_phone":"1234567"}`, `{"mobile_phone":"1234567","full_name":"Ada"}`, match.Near},
		{"all, and nothing that identifies was sent", `{"title":"CTO"}`, `{"title":"CTO","email":"ada@example.com"}`, match.Near},
		{"what servers derive", `{"first_name":"Ada","last_name":"Byron"}`, `{"id":1,"first_name":"Ada","last_name":"Byron","full_name":"Ada Byron","name":"Ada Byron","created_at":"2019-08-09T11:10:41Z","user_id":1,"company_name":"x"}`, match.Exact},
		{"a full name in another order", `{"first_name":"Ada","last_name":"Byron"}`, `{"first_name":"Ada","last_name":"Byron","full_name":"Byron, Ada"}`, match.Exact},
		{"a full name that was split", `{"full_name":"Ada Byron"}`, `{"first_name":"Ada","last_name":"Byron"}`, match.Exact},
		{"a number in two fields", `{"full_name":"Ada","mobile_phone":"1234567"}`, `{"full_name":"Ada","mobile_phone":"1234567","first_phone":"1234567"}`, match.Exact},
		{"a number in another field", `{"full_name":"Ada","mobile_phone":"1234567"}`, `{"full_name":"Ada","mobile_phone":"NaN","first_phone":"123-4567"}`, match.Near},
		{"found by the address", `{"email":"ada@example.com"}`, `{"email":"ada@example.com","full_name":"Ada","work_phone":"1234567"}`, match.Exact},
		{"another name, at the same address", `{"email":"ada@example.com","full_name":"Ada"}`, `{"email":"ada@example.com","full_name":"Bob"}`, match.Near},
		{"another name, at an address without its tag", `{"email":"info+x@example.com","full_name":"Ada"}`, `{"email":"info@example.com","full_name":"Bob"}`, match.Unlike},
		{"nothing that identifies, but another title", `{"email":"ada@example.com","title":"CTO"}`, `{"email":null,"title":"CEO"}`, match.Unlike},
		{"someone else without an address", `{"email":"ada@example.com","title":"CTO"}`, `{"email":null,"title":"CTO","full_name":"Bob"}`, match.Unlike},
		{"more, without the address", `{"email":"ada@example.com","first_name":"Ada"}`, `{"first_name":"Ada","last_name":"Byron"}`, match.Unlike},
		{"another page", `{"full_name":"Ada","linkedin_url":"in/ada"}`, `{"full_name":"Ada","linkedin_url":"in/bob"}`, match.Unlike},
		{"half a name lost", `{"first_name":"Ada","last_name":"Byron"}`, `{"first_name":"Ada","last_name":null}`, match.Near},
		{"a title that was rewritten, alone", `{"title":"Q&A lead"}`, `{"title":"QA lead"}`, match.Near},
		{"another title, alone", `{"title":"CTO"}`, `{"title":"CEO"}`, match.Unlike},
		{"one of two fields lost", `{"title":"CTO","city":"x"}`, `{"title":"CTO","city":null}`, match.Near},
	} {
		if got := match.Compare(match.Contact, rowOf(t, test.content), rowOf(t, test.row)); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestRewritten(t *testing.T) {
	t.Parallel()
	const marker = "gg-MZXW6YTBOI2DGMRRGQ3TINJWGY"
	for row, want := range map[string]bool{
		marker: true, "gg-mzxw6ytboi2dgmrrgq3tinjwgy": true, marker[:10]: true, marker + " ": true, "gg-": true, "gg": false, "": false, "gg-MZXW6YTBOI2DGMRRGQ3TINJWGX": false,
	} {
		if got := match.Rewritten(marker, row); got != want {
			t.Errorf("%q: %t", row, got)
		}
	}
}

func oneField(field, text string) match.Row {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return match.Row{field: raw}
}

// A rewriting is something that a server does to each text of a record that was sent.
type rewriting func(field, text string) string

// rewritings are done in any number and order.
var rewritings = map[string]rewriting{
	"escape":   func(_, s string) string { return html.EscapeString(s) },
	"unescape": func(_, s string) string { return html.UnescapeString(s) },
	"compose":  func(_, s string) string { return norm.NFC.String(s) },
	"decompose": func(field, s string) string {
		if field == "email" { // a domain that cannot be decoded is not one
			local, domain, _ := strings.Cut(s, "@")
			return norm.NFD.String(local) + "@" + domain
		}
		return norm.NFD.String(s)
	},
	"lower":     func(_, s string) string { return strings.ToLower(s) },
	"space":     func(_, s string) string { return " " + strings.ReplaceAll(s, " ", "\u00a0 ") + "\n" },
	"invisible": func(_, s string) string { return strings.ReplaceAll(s, "a", "a\u200b") },
	"tag": func(field, s string) string {
		local, domain, ok := strings.Cut(s, "@")
		if field != "email" || !ok {
			return s
		}
		local, _, _ = strings.Cut(local, "+")
		return local + "@" + domain
	},
	"quotes": func(_, s string) string { return strings.NewReplacer("'", "’", `"`, "“").Replace(s) },
	"moment": func(field, s string) string {
		if at, ok := match.ParseTime(s); ok && field == "sent_at" {
			return at.In(time.FixedZone("", 2*3600)).Round(time.Second).Format(time.RFC3339)
		}
		return s
	},
	"markup": func(field, s string) string {
		if field == "rendered_copy" || field == "full_name" || field == "title" {
			return "<p>" + s + "</p>"
		}
		return s
	},
}

// people and texts from which records are drawn.
var (
	locals  = []string{"ada", "o'brien", "ada+news", "ada+crm", "j.doe", "jdoe", "bob"}
	domains = []string{"example.com", "müller.example", "möller.example", "gmail.com"}
	names   = []string{"Ada Byron", "Pat O'Brien", "José Müller", "Tom & Jerry", "Иван Петров", "Ada Bell", `Al "Bo" Cy`}
	numbers = []string{"+49 151 1234567", "0221 7654321", "555-0100-22"}
	copies  = []string{"Hi Ada, \"5\" o'clock & more", "Hi Bob", "👍 done", "Привет, как дела?"}
	times   = []string{"2019-08-09T11:10:41.275Z", "2019-08-09T11:11:43Z", "2019-08-10T09:10:41.275Z"}
)

// drawRecord draws what is sent to create a record, as texts.
func drawRecord(rt *rapid.T, resource, label string) map[string]string {
	pick := func(field string, from []string) string { return rapid.SampledFrom(from).Draw(rt, label+" "+field) }
	record := map[string]string{}
	if resource == match.Message {
		record["contact_id"] = pick("contact", []string{"7", "8"})
		record["rendered_copy"] = pick("copy", copies)
		record["sent_at"] = pick("time", times)
		return record
	}
	kind := rapid.IntRange(0, 2).Draw(rt, label+" kind")
	if kind < 2 {
		record["email"] = pick("local", locals) + "@" + pick("domain", domains)
	}
	if kind > 0 {
		record["full_name"] = pick("name", names)
		record["mobile_phone"] = pick("phone", numbers)
	}
	record["title"] = pick("title", []string{"CTO", "R&D lead"})
	return record
}

func asRow(record map[string]string) match.Row {
	row := match.Row{}
	for field, text := range record {
		maps.Copy(row, oneField(field, text))
	}
	return row
}

// TestAnyRewriting: a record that was rewritten in any way is like the one that was sent, is
// found by its mark, and a response with it contradicts nothing. Records that identify
// different people or messages are not alike, and nothing is Exact in place of another.
func TestAnyRewriting(t *testing.T) {
	t.Parallel()
	for _, resource := range []string{match.Contact, match.Message} {
		rapid.Check(t, func(rt *rapid.T) {
			sent := drawRecord(rt, resource, "sent")
			stored := maps.Clone(sent)
			for _, name := range rapid.SliceOfN(rapid.SampledFrom(slices.Sorted(maps.Keys(rewritings))), 0, 4).Draw(rt, "rewritings") {
				for field, text := range stored {
					stored[field] = rewritings[name](field, text)
				}
			}
			content, row := asRow(sent), asRow(stored)
			if like := match.Compare(resource, content, row); like == match.Unlike {
				rt.Errorf("%v became %v, which is unlike", sent, stored)
			}
			if match.Contradicts(resource, content, row) {
				rt.Errorf("%v became %v, which contradicts it", sent, stored)
			}
			if x, y := match.Mark(resource, content), match.Mark(resource, row); x != y && x != "" && y != "" {
				rt.Errorf("%v became %v, and the marks are %q and %q", sent, stored, x, y)
			}
			if like := match.Compare(resource, content, content); like != match.Exact {
				rt.Errorf("%v is not like itself", sent)
			}
			if len(row) > 1 {
				lost := rapid.SampledFrom(slices.Sorted(maps.Keys(row))).Draw(rt, "lost")
				row[lost] = json.RawMessage("null")
				if like := match.Compare(resource, content, row); like == match.Unlike {
					rt.Errorf("%v became %v without %s, which is unlike", sent, stored, lost)
				}
			}
		})
		rapid.Check(t, func(rt *rapid.T) {
			a, b := drawRecord(rt, resource, "a"), drawRecord(rt, resource, "b")
			if key(a) == key(b) {
				return
			}
			if like := match.Compare(resource, asRow(a), asRow(b)); like == match.Exact || like == match.Near && !akin(a, b) {
				rt.Errorf("%v is like %v: %d", a, b, like)
			}
		})
	}
}

// TestAnySending: a message is like what became of it when it was sent: its merge fields were
// filled in, its links were replaced, and it was cut short, or got a footer. A message without all
// of its own words, in their order, is not like it.
func TestAnySending(t *testing.T) {
	t.Parallel()
	vocabulary := []string{"Hello", "Louis", "Friday", "offer", "meeting", "lunch", "thanks", "Acme"}
	values := map[string]string{
		"{{first_name}}": "Ada", "%name%": "", "*|FNAME|*": "Al \"Bo\" Cy", "https://acme.example/a?b=1": "https://trk.example/x", "www.acme.example": "http://t.example/9.",
	}
	rapid.Check(t, func(rt *rapid.T) {
		drawn := rapid.SliceOfN(rapid.SampledFrom(vocabulary), 3, 8)
		words := drawn.Draw(rt, "words")
		sent := slices.Clone(words)
		for _, part := range rapid.SliceOf(rapid.SampledFrom(slices.Sorted(maps.Keys(values)))).Draw(rt, "parts") {
			sent = slices.Insert(sent, rapid.IntRange(1, len(sent)).Draw(rt, "place"), part)
		}
		stored := slices.Clone(sent)
		for i, word := range stored {
			if value, ok := values[word]; ok {
				stored[i] = value
			}
		}
		text := strings.Join(stored, " ")
		switch rapid.SampledFrom([]string{"whole", "cut", "footer"}).Draw(rt, "end") {
		case "cut":
			text = text[:rapid.IntRange(len(sent[0]), len(text)).Draw(rt, "length")]
		case "footer":
			text += "\n--\nUnsubscribe"
		}
		content := asRow(map[string]string{"contact_id": "7", "rendered_copy": strings.Join(sent, " ")})
		if row := asRow(map[string]string{"contact_id": "7", "rendered_copy": text}); match.Compare(match.Message, content, row) == match.Unlike {
			rt.Errorf("%q became %q, which is unlike", sent, text)
		}
		other := append([]string{"Dear"}, drawn.Draw(rt, "others")...)
		if row := asRow(map[string]string{"contact_id": "7", "rendered_copy": strings.Join(other, " ")}); match.Compare(match.Message, content, row) != match.Unlike && !follows(other, words) {
			rt.Errorf("%q is like %q", other, sent)
		}
	})
}

// follows reports whether text has the words in their order, with any others between them.
func follows(text, words []string) bool {
	for _, word := range text {
		if len(words) > 0 && word == words[0] {
			words = words[1:]
		}
	}
	return len(words) == 0
}

// key is what identifies a record among those that are drawn.
func key(record map[string]string) string {
	if email := record["email"]; email != "" {
		return email
	}
	return fmt.Sprint(record["full_name"], record["mobile_phone"], record["contact_id"], record["rendered_copy"], record["sent_at"])
}

// akin reports whether the second record may be what is left of the first.
func akin(a, b map[string]string) bool {
	x, y := a["email"], b["email"]
	local, domain, _ := strings.Cut(x, "@")
	tagless, _, _ := strings.Cut(local, "+")
	switch {
	case x == "" || y == "": // one was dropped, or is more than was sent
		return a["full_name"] == b["full_name"] && a["mobile_phone"] == b["mobile_phone"]
	case strings.ReplaceAll(x, ".", "") == strings.ReplaceAll(y, ".", ""):
		return domain == "gmail.com"
	default:
		return tagless+"@"+domain == y
	}
}
