package growthgeniustest

import "bytes"

func (s *Server) createMessage(c *call) response {
	return s.create(s.messages, c, func(fields record) {
		delete(fields, "id") // the server chooses it
		fields.setDefault("user_id", actingID(c))
		if team := s.user(c.acting)["team_id"]; len(team) > 0 && !bytes.Equal(team, null) {
			fields.setDefault("team_id", team)
		}
	})
}

func (s *Server) updateMessage(c *call) response {
	return s.update(s.messages, c, func(_, _ record) {})
}

func (s *Server) getMessage(c *call) response   { return s.get(s.messages, c) }
func (s *Server) listMessages(c *call) response { return s.updatedBetween(s.messages, c) }
func (s *Server) deleteMessage(c *call) response {
	return s.remove(s.messages, c, []byte(messageDeleted))
}

// messageDeleted is the documented response to the delete of a message. It looks like a
// search result of contacts that was copied there by mistake.
const messageDeleted = `{"messages":[` + messageDeletedItem + `,` + messageDeletedItem + `],` +
	`"breadcrumbs":[{"label":"Contains Keywords","signal_field_name":"q_keywords",` +
	`"value":"Tim Zheng, CEO, Apollo","display_name":"Tim Zheng, CEO, Apollo"}],` +
	`"partial_results_only":false,"disable_eu_prospecting":false,` +
	`"partial_results_limit":10000,` +
	`"pagination":{"page":1,"per_page":25,"total_entries":1,"total_pages":1},` +
	`"num_fetch_result":null}`

const messageDeletedItem = `{"message":{"id":"d54c54ad-40be-4305-8a34-0ab44710b90d",` +
	`"full_name":"Elon Musk","fist_name":"Elon","last_name":"Musk",` +
	`"email":"elon@tesla.com","//":"..."}}`
