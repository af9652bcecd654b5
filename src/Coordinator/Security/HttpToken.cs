using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace ClipTrain.Coordinator.Security;

/// <summary>The token in HTTP requests: as bearer, or as the password of any user, which is what a browser asks for.</summary>
public static class HttpToken
{
    /// <summary>True if a request gives the token. Compared in a time that does not depend on where the two differ.</summary>
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

    /// <summary>Answers a request that lacks it.</summary>
    public static Task RefuseAsync(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status401Unauthorized;
        response.Headers.WWWAuthenticate = "Basic realm=\"the run's token as password\"";
        return response.WriteAsync("The run's token is needed: as bearer token, or as the password of any user.");
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
