using System.Text.Json;
using System.Text.Json.Serialization;
using Serilog;

namespace ClipTrain.Trainer.InitialWeights;

/// <summary>Summary of the initial weights of a run: tensors loaded, resized, left fresh and unused.</summary>
/// <param name="Source">The weights file.</param>
/// <param name="Sha256">SHA-256 of the names and values of the tensors that are used.</param>
/// <param name="Tensors">Treatment of each tensor.</param>
public sealed record StartReport(string Source, string Sha256, IReadOnlyList<TensorStart> Tensors)
{
    /// <summary>Number of names shown in a log line.</summary>
    private const int Shown = 8;

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
        NewLine = "\n",
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public int Loaded => Of(TensorOrigin.Loaded).Length;

    public int Resized => Of(TensorOrigin.Resized).Length;

    public int Fresh => Of(TensorOrigin.Fresh).Length;

    public int Unused => Of(TensorOrigin.Unused).Length;

    public static StartReport Read(string path) => JsonSerializer.Deserialize<StartReport>(File.ReadAllText(path), s_json)!;

    public void Save(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, s_json) + "\n");

    /// <summary>Logs the summary in a few lines.</summary>
    public void Log(ILogger log)
    {
        log.Information(
            "Starting from {Source:l}: {Loaded} tensors loaded, {Resized} resized, {Fresh} fresh, {Unused} unused.",
            Source,
            Loaded,
            Resized,
            Fresh,
            Unused
        );
        foreach (var origin in new[] { TensorOrigin.Resized, TensorOrigin.Fresh, TensorOrigin.Unused })
        {
            var tensors = Of(origin);
            if (tensors.Length > 0)
            {
                log.Information(
                    "{Origin}: {Tensors:l}.",
                    origin,
                    string.Join("; ", tensors.Take(Shown)) + (tensors.Length > Shown ? $"; and {tensors.Length - Shown} more" : "")
                );
            }
        }
    }

    private TensorStart[] Of(TensorOrigin origin) => [.. Tensors.Where(tensor => tensor.Origin == origin)];
}
