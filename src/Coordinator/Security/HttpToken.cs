using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace ClipTrain.Coordinator.Security;

/// <summary>Checks the token of HTTP requests: a bearer token, or the password of any user, which browsers can prompt for.</summary>
public static class HttpToken
{
    /// <summary>True if a request has the token. The comparison takes constant time.</summary>
    public static bool IsGiven(HttpRequest request, string token)
    {
        if (!AuthenticationHeaderValue.TryParse(request.Headers.Authorization, out var given) || given.Parameter is null)
        {
            return false;
        }

        var secret = given.Scheme switch
        {
            "Bearer" => given.Parameter,
            "Basic" => Password(given.Parameter),
            _ => "",
        };
        return CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(secret)),
            SHA256.HashData(Encoding.UTF8.GetBytes(token))
        );
    }

    /// <summary>Answers a request without the token.</summary>
    public static Task RefuseAsync(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status401Unauthorized;
        response.Headers.WWWAuthenticate = "Basic realm=\"the run's token as password\"";
        return response.WriteAsync("This page requires the run's token, as a bearer token or as the password of any user.");
    }

    private static string Password(string parameter)
    {
        var bytes = new byte[parameter.Length];
        return
            Convert.TryFromBase64String(parameter, bytes, out var length)
            && Encoding.UTF8.GetString(bytes, 0, length).Split(':', 2) is [_, var password]
            ? password
            : "";
    }
}
