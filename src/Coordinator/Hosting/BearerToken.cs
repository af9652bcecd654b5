using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>The secret that tells the run's own workers from anyone else who can reach the port.</summary>
internal sealed class BearerToken(string token)
{
    private const string Scheme = "Bearer ";
    private readonly byte[] _hash = Hash(token);

    public string Value { get; } = token;

    public static BearerToken Random() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));

    /// <summary>Whether the request carries the token; compared in a time that does not depend on where they differ.</summary>
    public bool IsOn(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(Scheme, StringComparison.Ordinal) && CryptographicOperations.FixedTimeEquals(Hash(header[Scheme.Length..]), _hash);
    }

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
