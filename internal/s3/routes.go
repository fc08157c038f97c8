package s3

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/metrics"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/controllers"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"

	"writ/internal/vault"
)

// A route is one about a bucket that versitygw answers with NotImplemented.
// It is mounted before versitygw's, with the same checks.
type route struct {
	method, query, metric string
	action                auth.Action
	permission            auth.Permission
	document              bool // it has a body, with a checksum
	answer                func(ctx fiber.Ctx, bucket string) (*controllers.Response, error)
}

// routes returns versitygw's options for the routes of our own.
func (b *adapter) routes(root middlewares.RootUserConfig) (options []s3api.Option) {
	for _, r := range []route{
		{http.MethodGet, "encryption", metrics.ActionGetBucketEncryption, auth.GetEncryptionConfigurationAction, auth.PermissionRead, false, b.getEncryption},
		{http.MethodPut, "encryption", metrics.ActionPutBucketEncryption, auth.PutEncryptionConfigurationAction, auth.PermissionWrite, true, b.putEncryption},
		{http.MethodDelete, "encryption", metrics.ActionDeleteBucketEncryption, auth.PutEncryptionConfigurationAction, auth.PermissionWrite, false, b.deleteEncryption},
		{http.MethodGet, "lifecycle", metrics.ActionGetBucketLifecycleConfiguration, auth.GetLifecycleConfigurationAction, auth.PermissionRead, false, b.getLifecycle},
		{http.MethodPut, "lifecycle", metrics.ActionPutBucketLifecycleConfiguration, auth.PutLifecycleConfigurationAction, auth.PermissionWrite, true, b.putLifecycle},
		{http.MethodDelete, "lifecycle", metrics.ActionDeleteBucketLifecycle, auth.PutLifecycleConfigurationAction, auth.PermissionWrite, false, b.deleteLifecycle},
	} {
		checks := []fiber.Handler{
			b.begin(root),
			middlewares.BucketObjectNameValidator(),
			middlewares.AuthorizePublicBucketAccess(b, r.metric, r.action, r.permission, b.region, false),
			middlewares.VerifyPresignedV4Signature(root, b.accounts, b.region, false),
			middlewares.VerifyV4Signature(root, b.accounts, b.region, false, true, false),
		}
		if r.document {
			checks = append(checks, middlewares.VerifyChecksums(false, true, false))
		}
		checks = append(checks, middlewares.ParseAcl(b))
		options = append(options, s3api.WithRoute(r.method, "/:bucket",
			middlewares.MatchQueryArgs(r.query),
			controllers.ProcessHandlers(b.authorized(r), r.metric, &controllers.Services{}, checks...)))
	}
	return options
}

// begin does what versitygw does before its own routes, and after ours.
func (b *adapter) begin(root middlewares.RootUserConfig) fiber.Handler {
	return func(ctx fiber.Ctx) error {
		if err := refused(ctx.RequestCtx()); err != nil {
			return err
		}
		utils.ContextKeyRegion.Set(ctx, b.region)
		utils.ContextKeyRootAccessKey.Set(ctx, root.Access)
		utils.ContextKeyAccount.Set(ctx, auth.Account{})
		utils.ContextKeyIsRoot.Set(ctx, false)
		return middlewares.DecodeURL(ctx)
	}
}

// authorized judges whether the session may, then answers.
func (b *adapter) authorized(r route) controllers.Controller {
	return func(ctx fiber.Ctx) (*controllers.Response, error) {
		bucket := strings.Clone(ctx.Params("bucket"))
		acl, _ := utils.ContextKeyParsedAcl.Get(ctx).(auth.ACL)
		account, _ := utils.ContextKeyAccount.Get(ctx).(auth.Account)
		err := auth.VerifyAccess(ctx, b, auth.AccessOptions{
			Acl: acl, AclPermission: r.permission, Acc: account, Bucket: bucket, Actions: []auth.Action{r.action},
			IsPublicRequest: utils.ContextKeyPublicBucket.IsSet(ctx), Iam: b.accounts,
		})
		if err != nil {
			return &controllers.Response{}, err
		}
		return r.answer(ctx, bucket)
	}
}

// encryptionXML is a bucket's configuration of encryption.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ServerSideEncryptionConfiguration.html
type encryptionXML struct {
	XMLName xml.Name            `xml:"ServerSideEncryptionConfiguration"`
	Xmlns   string              `xml:"xmlns,attr,omitempty"`
	Rules   []encryptionRuleXML `xml:"Rule"`
}

type encryptionRuleXML struct {
	Default *struct {
		Algorithm string `xml:"SSEAlgorithm"`
		KeyID     string `xml:"KMSMasterKeyID,omitempty"`
	} `xml:"ApplyServerSideEncryptionByDefault"`
	BucketKey bool `xml:"BucketKeyEnabled"`
}

// getEncryption tells the truth: everything is sealed with AES-256, always.
func (b *adapter) getEncryption(fiber.Ctx, string) (*controllers.Response, error) {
	doc := encryptionXML{Xmlns: "http://s3.amazonaws.com/doc/2006-03-01/", Rules: make([]encryptionRuleXML, 1)}
	doc.Rules[0].Default = &struct {
		Algorithm string `xml:"SSEAlgorithm"`
		KeyID     string `xml:"KMSMasterKeyID,omitempty"`
	}{Algorithm: string(types.ServerSideEncryptionAes256)}
	return &controllers.Response{Data: doc}, nil
}

// putEncryption accepts what is so anyway, and nothing else.
func (b *adapter) putEncryption(ctx fiber.Ctx, _ string) (*controllers.Response, error) {
	var doc encryptionXML
	if err := xml.Unmarshal(ctx.BodyRaw(), &doc); err != nil || len(doc.Rules) != 1 {
		return &controllers.Response{}, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	if d := doc.Rules[0].Default; d != nil {
		if err := encryptionAsked(d.Algorithm, d.KeyID != ""); err != nil {
			return &controllers.Response{}, err
		}
	}
	return &controllers.Response{}, nil
}

// deleteEncryption takes a bucket back to the default, which it never left.
func (b *adapter) deleteEncryption(fiber.Ctx, string) (*controllers.Response, error) {
	return &controllers.Response{MetaOpts: &controllers.MetaOptions{Status: http.StatusNoContent}}, nil
}

// errNoLifecycle is AWS's error for a bucket without a lifecycle.
var errNoLifecycle = s3err.APIError{
	Code:           "NoSuchLifecycleConfiguration",
	Description:    "The lifecycle configuration does not exist",
	HTTPStatusCode: http.StatusNotFound,
}

func (b *adapter) getLifecycle(ctx fiber.Ctx, bucket string) (*controllers.Response, error) {
	found, err := b.bucket(ctx.RequestCtx(), bucket)
	if err != nil {
		return &controllers.Response{}, err
	}
	value := found.Settings[vault.SettingLifecycle]
	if value == nil {
		return &controllers.Response{}, errNoLifecycle
	}
	ctx.Response().Header.SetContentType(fiber.MIMEApplicationXML)
	return &controllers.Response{Data: value}, nil
}

func (b *adapter) putLifecycle(ctx fiber.Ctx, bucket string) (*controllers.Response, error) {
	body := ctx.BodyRaw()
	_, err := vault.ParseLifecycle(body)
	var rule *vault.LifecycleError
	switch {
	case errors.As(err, &rule):
		return &controllers.Response{}, lifecycleError(rule)
	case err != nil:
		return &controllers.Response{}, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	return &controllers.Response{}, b.putSetting(ctx.RequestCtx(), bucket, vault.SettingLifecycle, body)
}

func (b *adapter) deleteLifecycle(ctx fiber.Ctx, bucket string) (*controllers.Response, error) {
	return &controllers.Response{MetaOpts: &controllers.MetaOptions{Status: http.StatusNoContent}},
		b.putSetting(ctx.RequestCtx(), bucket, vault.SettingLifecycle, nil)
}
