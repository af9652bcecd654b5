using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Monitoring.Runs;

/// <summary>A fixed batch of pairs and how similar the model finds them, by step.</summary>
/// <param name="Captions">Caption of each pair.</param>
/// <param name="Images">JPEG of each pair's image, in base64.</param>
/// <param name="Steps">The looks at the batch, in order.</param>
public sealed record Probe(IReadOnlyList<string> Captions, IReadOnlyList<string> Images, IReadOnlyList<ProbeStep> Steps);

/// <summary>A look at the probe batch.</summary>
/// <param name="Step">Step after which the model looked.</param>
/// <param name="Similarity">Cosine similarity of every image (row) with every caption (column).</param>
public sealed record ProbeStep(long Step, IReadOnlyList<IReadOnlyList<double>> Similarity);

/// <summary>
/// The probe batch of a run in probe.json. The file is small and replaced whole, so readers see all of a look or nothing, and a run that
/// goes back to an earlier step drops the later looks.
/// </summary>
public static class ProbeFile
{
    public const string Name = "probe.json";

    /// <summary>Number of looks kept; when there are more, every second one is dropped.</summary>
    private const int MostSteps = 200;

    private const int CaptionLength = 300;
    private const long MaxBytes = 16 << 20;

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>The probe of a run directory; null if there is none, or the file is damaged.</summary>
    public static Probe? Read(string directory)
    {
        var path = Path.Combine(directory, Name);
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > MaxBytes)
            {
                return null;
            }

            var probe = JsonSerializer.Deserialize<Probe>(File.ReadAllBytes(path), s_json);
            return probe is not null && IsWellFormed(probe)
                ? probe with
                {
                    Captions = [.. probe.Captions.Select(caption => PlainText.Line(caption, CaptionLength))],
                }
                : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Adds a look, after dropping those of the same and later steps, and all of another batch.</summary>
    /// <param name="directory">Run directory.</param>
    /// <param name="captions">See <see cref="Probe"/>.</param>
    /// <param name="images">See <see cref="Probe"/>.</param>
    /// <param name="look">The look.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Add(string directory, IReadOnlyList<string> captions, IReadOnlyList<string> images, ProbeStep look)
    {
        var before = Read(directory);
        ProbeStep[] steps =
        [
            .. before is not null && before.Images.SequenceEqual(images, StringComparer.Ordinal)
                ? before.Steps.Where(step => step.Step < look.Step)
                : [],
            look,
        ];
        if (steps.Length > MostSteps)
        {
            steps = [.. steps.Where((_, i) => (steps.Length - 1 - i) % 2 == 0)];
        }

        WholeFile.Write(Path.Combine(directory, Name), JsonSerializer.Serialize(new Probe(captions, images, steps), s_json));
    }

    /// <summary>The file may come from elsewhere: the page relies on these shapes.</summary>
    private static bool IsWellFormed(Probe probe)
    {
        var pairs = probe.Captions.Count;
        return pairs > 0
            && probe.Images.Count == pairs
            && probe.Captions.All(caption => caption is not null)
            && probe.Images.All(image => image is not null && System.Buffers.Text.Base64.IsValid(image))
            && probe.Steps.All(step =>
                step?.Similarity is not null
                && step.Similarity.Count == pairs
                && step.Similarity.All(row => row is not null && row.Count == pairs)
            );
    }
}
