package s3

import (
	"context"
	"encoding/xml"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3response"
)

// versitygw writes the times of a listing to the whole second, rounded down.
// A client that syncs compares them with the times of its files: what it
// uploads within the second in which it was written would look older than
// itself, and be uploaded again. So listings are written here, to the
// millisecond, as S3's form of a time has it.

// timeForm is that of a time in a listing.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
const timeForm = "2006-01-02T15:04:05.000Z"

// listingKey names the listing that is to be the answer to a request.
const listingKey = "writ-listing"

// give leaves a listing for [adapter.screen] to write in place of what
// versitygw will.
func give(ctx context.Context, listing any) { requestOf(ctx).SetUserValue(listingKey, listing) }

// writeListing writes the listing that was left, if there is one and
// versitygw has nothing against it.
func writeListing(r *fasthttp.RequestCtx) error {
	listing := r.UserValue(listingKey)
	if listing == nil || r.Response.StatusCode() != http.StatusOK {
		return nil
	}
	text, err := xml.Marshal(listing)
	if err != nil {
		return err
	}
	r.Response.SetBodyRaw(append([]byte(xml.Header), text...))
	r.Response.Header.SetContentLength(len(xml.Header) + len(text))
	return nil
}

func timeText(t *time.Time) string { return t.UTC().Format(timeForm) }

// Fields that a struct has itself are written in place of those of the same
// name that it embeds. The types named plain… lack the methods of versitygw's,
// which would write the time.
type (
	plainObject  s3response.Object
	plainVersion s3response.ObjectVersion

	objectXML struct {
		plainObject
		LastModified string
	}
	versionXML struct {
		plainVersion
		LastModified string
	}
	markerXML struct {
		types.DeleteMarkerEntry
		LastModified string
	}
	listXML struct {
		s3response.ListObjectsResult
		Contents []objectXML
	}
	listV2XML struct {
		s3response.ListObjectsV2Result
		Contents []objectXML
	}
	versionsXML struct {
		s3response.ListVersionsResult
		DeleteMarkers []markerXML  `xml:"DeleteMarker"`
		Versions      []versionXML `xml:"Version"`
	}
)

func objectsXML(objects []s3response.Object) []objectXML {
	out := make([]objectXML, len(objects))
	for i, o := range objects {
		out[i] = objectXML{plainObject(o), timeText(o.LastModified)}
	}
	return out
}

func versionsOf(r s3response.ListVersionsResult) versionsXML {
	out := versionsXML{ListVersionsResult: r}
	for _, m := range r.DeleteMarkers {
		out.DeleteMarkers = append(out.DeleteMarkers, markerXML{m, timeText(m.LastModified)})
	}
	for _, v := range r.Versions {
		out.Versions = append(out.Versions, versionXML{plainVersion(v), timeText(v.LastModified)})
	}
	return out
}
