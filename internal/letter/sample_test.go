package letter

import (
	"strings"
	"time"

	"writ"
)

// The cast of every test.
var (
	berlin   = mustZone("Europe/Berlin")
	received = time.Date(2026, 9, 1, 9, 30, 0, 0, time.UTC)
	digest   = strings.Repeat("5e9d", 16)
	operator = Party{Name: "Fjordhost AS", Lines: []string{"Legal and Trust", "Havnegata 12", "7010 Trondheim, Norway", "legal@fjordhost.example"}}
	court    = Party{Name: "Landgericht Falkenmoor", Lines: []string{"3. Strafkammer", "Am Alten Markt 4", "98765 Falkenmoor", "Deutschland"}}
	clinic   = Party{Name: "Harbour Clinic", Lines: []string{"Data protection officer", "Quay Street 8", "New Arden"}}
	demand   = Demand{
		Instrument: "eu.epoc", Authority: "Landgericht Falkenmoor", Reference: "3 KLs 412/26",
		Issued: time.Date(2026, 8, 31, 0, 0, 0, 0, time.UTC), Received: received, OrderDigest: digest,
	}
	scope  = "Bucket ward-seven, objects whose keys begin with patients/ines-calder/, stored from 1 January to 31 August 2026."
	ground = []Ground{
		{Article: "Regulation (EU) 2023/1543, Article 10(6)", Reason: "The certificate names an account that no customer of ours has ever had."},
		{Article: "Regulation (EU) 2023/1543, Article 17", Reason: "Production would breach the medical secrecy law of New Arden, where the data are kept for the clinic."},
	}
	commitments = []Commitment{
		{What: "order received", At: received.Add(time.Minute), Position: 40_112, Digest: strings.Repeat("a1", 32)},
		{What: "opening", At: received.Add(72 * time.Hour), Position: 44_432, Digest: strings.Repeat("b2", 32)},
	}
	order = EUOrder{
		Demand: demand, Certificate: "DE-2026-EPOC-004711", IssuingState: "DE", Validating: "Landgericht Falkenmoor", Enforcing: "Tribunal de Valbrume",
		Provider: "Fjordhost AS", Representative: "Fjordhost Ireland Ltd., legal representative", ContactPerson: "Mira Lindqvist", Contact: "legal@fjordhost.example",
	}
	notice = Notice{Demand: demand, Classes: []writ.DataClass{writ.ClassContent}, Scope: scope, CopyAttached: true, Contact: "legal@fjordhost.example"}
)

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

func headFor(k Kind) Head {
	h := Head{
		Sender: operator, Addressee: court, Case: "2026-7KQM-4ZT0", YourReference: "3 KLs 412/26",
		Date: time.Date(2026, 9, 2, 7, 0, 0, 0, time.UTC), Zone: berlin, Signatory: "Mira Lindqvist", Function: "Counsel, Fjordhost AS",
	}
	switch k {
	case "notice-before", "notice-after", "notice-late", "notice-referral", "notice-preservation":
		h.Addressee, h.YourReference = clinic, ""
	case "determination", "custody", "review", "page", "authorisation":
		h.Addressee, h.YourReference = Party{}, ""
	}
	if k == "page" {
		h.Signatory, h.Function = "", ""
	}
	return h
}

func sample(k Kind) Data {
	content := []writ.DataClass{writ.ClassContent}
	both := []writ.DataClass{writ.ClassSubscriber, writ.ClassTraffic, writ.ClassContent}
	subpoena := demand
	subpoena.Instrument, subpoena.Authority, subpoena.Reference = "us.subpoena", "District Court of New Arden", "GJ-26-118"
	emergency := subpoena
	emergency.Instrument = "us.emergency"
	day := 24 * time.Hour
	refer := notice
	refer.Demand, refer.CopyAttached, refer.CopyReason = subpoena, false, "The court has sealed the document, though not its existence."
	switch k {
	case "acknowledgement":
		return Acknowledgement{demand, content, received.Add(10 * day), "Regulation (EU) 2023/1543, Article 10(2)", true, "legal@fjordhost.example"}
	case "clarification":
		return Clarification{demand, []string{"Which of the two buckets named harbour-clinic is meant?", "From what date are traffic data requested?"}, received.Add(3 * day), received.Add(10 * day), true}
	case "objection":
		return Objection{demand, ground, "Content data of the bucket ward-seven.", "Please withdraw the certificate, or correct the account it names.\nFailing that, please transmit this objection to the competent court.", true}
	case "rejection":
		return Rejection{subpoena, ground[:1], "Content may be requested under a search warrant.", false}
	case "referral":
		return Referral{subpoena, "", "Harbour Clinic", "Data protection officer, Quay Street 8, New Arden", true, true}
	case "no-data":
		return NoData{demand, []Search{{"ines.calder@harbour-clinic.example", "Customer records", "1 January to 31 August 2026"}, {"192.0.2.14", "Journals", "last 90 days"}}, received.Add(day), "Journals are kept for 90 days and then erased."}
	case "partial":
		return Partial{demand, []Part{{What: "Customer record of harbour-clinic", Class: writ.ClassSubscriber}}, []Part{{"Objects in ward-seven", writ.ClassContent, "Article 5 of the Regulation", "The offence named does not reach the threshold for content data."}}, true}
	case "delivery":
		return Delivery{demand, "2026-7KQM-4ZT0.zip.age", digest, 8_435_712, both, 1_204, 8_123_456, "age1qx4examplexk0r3m0f0rfalkenmoor7d8s9", "age -d -i key.txt -o 2026-7KQM-4ZT0.zip 2026-7KQM-4ZT0.zip.age", "Decentralised IT system", 3, received.Add(30 * day), true, true}
	case "order-demand":
		return OrderDemand{emergency, received.Add(2 * time.Hour), []writ.DataClass{writ.ClassSubscriber}, "Name, address and telephone number of one subscriber.", "A missing child, last seen at the harbour.", received.Add(14 * day)}
	case "release-request":
		return ReleaseRequest{demand, writ.Statutory, "Regulation (EU) 2023/1543, Article 13(4)", received, 1, received.Add(120 * day)}
	case "preservation":
		return Preservation{demand, "Regulation (EU) 2023/1543, Article 11(1)", scope, received, received.Add(60 * day), true}
	case "preservation-expiry":
		return PreservationExpiry{demand, "Regulation (EU) 2023/1543, Article 11(1)", scope, received, received.Add(90 * day), false}
	case "eu-impossibility":
		return EUImpossibility{order, content, []EUReason{{EUIncomplete, "Article 10(6)", "The certificate names an account that does not exist."}, {EUThirdState, "Article 17", "Medical secrecy under the law of New Arden."}}, "The number of the account, or the key of one object.", "Section 12 of the Health Records Act of New Arden forbids disclosure without consent of the patient.", "The customer record.", true}
	case "eu-follow-up":
		return EUFollowUp{order, received.Add(20 * day), "DE-2026-EPOC-004801", "Landgericht Falkenmoor", scope, received, false}
	case "eu-extension":
		return EUExtension{order, received.Add(50 * day), scope, received, received.Add(60 * day), received.Add(90 * day)}
	case "notice-before":
		return NoticeBefore{notice, received.Add(5 * day), received.Add(10 * day)}
	case "notice-after":
		return NoticeAfter{refer, received.Add(10 * day), 12, 786_432, true, "Motion to suppress before the District Court of New Arden."}
	case "notice-late":
		return NoticeLate{notice, writ.Statutory, "Regulation (EU) 2023/1543, Article 13(4)", received, received.Add(200 * day), "The issuing authority released us by its letter.", received.Add(9 * day), 12, 786_432, "ledger.fjordhost.example", "2026-7KQM-4ZT0.receipt", commitments, "Application to the Landgericht Falkenmoor."}
	case "notice-referral":
		return NoticeReferral{refer, received.Add(day), true}
	case "notice-preservation":
		return NoticePreservation{notice, received, received.Add(90 * day), false}
	case "determination":
		return Determination{demand, "May the time limit of eight hours be met, though the enforcing authority has not yet spoken?", []Finding{{"Notification does not suspend an emergency", "Article 10(4)", "pass"}, {"Account is named", "Article 5(5)", "counsel decides"}}, "The data are produced within eight hours.", ground[:1], "mira.lindqvist", writ.RoleCounsel, received.Add(time.Hour), "theo.brandt", writ.RoleCounsel, received.Add(2 * time.Hour)}
	case "custody":
		return custodySample(2)
	case "review":
		return Review{demand, writ.Statutory, "Regulation (EU) 2023/1543, Article 13(4)", received, received.Add(180 * day), received.Add(90 * day), "The proceedings had not ended.", "mira.lindqvist"}
	case "page":
		return Page{"eu.epoc", "8 hours, Article 10(4)", received.Add(8 * time.Hour), 3*time.Hour + 59*time.Minute, "decision (counsel), two signatures (custodians)", true}
	case "authorisation":
		return Authorisation{demand, "c-00112233445566778899", "Harbour Clinic", "mira.lindqvist", []Bucket{{"ward-seven", ExtentPrefix, "patients/ines-calder/", ""}, {"ward-seven", ExtentObject, "admissions/2026-08.csv", "01J6ZK"}}, false, false, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}, content, 500, 1 << 30, received.Add(10 * day), writ.AuthorityTells, "The issuing authority informs the person concerned (Article 13).", 2, 3, digest, "application/vnd.writ.authorisation+json"}
	}
	return nil
}

func custodySample(objects int) Custody {
	day := 24 * time.Hour
	c := Custody{
		Demand: demand, Customer: "c-00112233445566778899", Classes: []writ.DataClass{writ.ClassContent}, Scope: scope,
		Writ: digest, NotAfter: received.Add(10 * day), Opened: received.Add(9 * day), Closed: received.Add(9*day + 4*time.Minute),
		Package: "2026-7KQM-4ZT0.zip.age", Recipient: "age1qx4examplexk0r3m0f0rfalkenmoor7d8s9", Release: "writ v0.4.0", Log: "ledger.fjordhost.example",
		Signers:     []Signer{{"ada.okafor", true, "SHA256:" + strings.Repeat("q7", 20), received.Add(8 * day)}, {"jun.park", false, "SHA256:" + strings.Repeat("z4", 20), received.Add(8*day + time.Hour)}},
		Commitments: commitments,
		Steps:       []Step{{received, "noor.adeyemi", "Demand entered"}, {received.Add(9 * day), "sam.ortiz", "Opening, packing and sealing of the package"}},
		Count:       int64(objects) + 1, Bytes: 8_123_456, Omitted: 1, Ciphertext: true, Unwitnessed: true,
		Attachments: []Attachment{{"billing.csv", "Billing", "mira.lindqvist", 20_480, strings.Repeat("c3", 32)}},
	}
	for i := range objects {
		c.Objects = append(c.Objects, Object{"ward-seven", writ.ObjectKey("patients/ines-calder/2026-08-" + string(rune('a'+i%26)) + ".json"), "01J6ZKQ4", int64(4096 + i), strings.Repeat("d4", 32)})
	}
	return c
}
