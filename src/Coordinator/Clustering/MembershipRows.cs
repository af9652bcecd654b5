using System.Globalization;
using System.Text.Json;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>One silo's row in the membership table, in JSON.</summary>
internal sealed record MembershipRow(
    string Silo,
    string Status,
    string Name,
    string Host,
    int GatewayPort,
    DateTime Started,
    IReadOnlyList<Suspicion> Suspicions,
    long Etag
)
{
    public static MembershipRow Of(MembershipEntry entry, long etag) =>
        new(
            entry.SiloAddress.ToParsableString(),
            entry.Status.ToString(),
            entry.SiloName,
            entry.HostName,
            entry.ProxyPort,
            entry.StartTime,
            [.. (entry.SuspectTimes ?? []).Select(suspect => new Suspicion(suspect.Item1.ToParsableString(), suspect.Item2))],
            etag
        );

    /// <param name="aliveAt">Time of the silo's last sign of life.</param>
    public Tuple<MembershipEntry, string> ToEntry(DateTime aliveAt) =>
        new(
            new MembershipEntry
            {
                SiloAddress = SiloAddress.FromParsableString(Silo),
                Status = Enum.Parse<SiloStatus>(Status),
                SiloName = Name,
                HostName = Host,
                ProxyPort = GatewayPort,
                StartTime = Started,
                IAmAliveTime = aliveAt > Started ? aliveAt : Started,
                SuspectTimes =
                [
                    .. Suspicions.Select(suspicion => new Tuple<SiloAddress, DateTime>(
                        SiloAddress.FromParsableString(suspicion.By),
                        suspicion.At
                    )),
                ],
            },
            Etag.ToString(CultureInfo.InvariantCulture)
        );
}

/// <summary>A silo that suspects another to be dead, and the time of the suspicion.</summary>
internal sealed record Suspicion(string By, DateTime At);

/// <summary>The rows of one version of the membership table.</summary>
internal sealed record MembershipRows(long Version, IReadOnlyList<MembershipRow> Rows)
{
    public static MembershipRows Parse(string path, long version, byte[] content)
    {
        try
        {
            return version == 0
                ? new MembershipRows(0, [])
                : new MembershipRows(version, JsonSerializer.Deserialize<List<MembershipRow>>(content, JsonSerializerOptions.Web) ?? []);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is not a membership table: {error.Message}", error);
        }
    }

    public byte[] Serialize() => JsonSerializer.SerializeToUtf8Bytes(Rows, JsonSerializerOptions.Web);
}
