using System.Security.Cryptography;
using System.Text.Json;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Checkpoints;

/// <summary>A checkpoint's manifest.json: size and hash of each file.</summary>
internal sealed class CheckpointManifest
{
    public const string FileName = "manifest.json";

    internal static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private const string Advice = "Resume from another checkpoint with --step.";
    private static readonly string[] s_needed =
    [
        CheckpointDirectory.ModelFile,
        CheckpointDirectory.OptimizerFile,
        CheckpointDirectory.StateFile,
    ];

    private readonly string _folder;
    private readonly SortedDictionary<string, Entry> _files;

    private CheckpointManifest(string folder, SortedDictionary<string, Entry> files) => (_folder, _files) = (folder, files);

    /// <summary>Reads a checkpoint's manifest. Its files must exist with the sizes listed.</summary>
    /// <exception cref="WeightsException">
    /// The manifest does not list the files of a checkpoint, or one of them is missing or truncated.
    /// </exception>
    public static CheckpointManifest Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        var files = ReadJson<SortedDictionary<string, Entry>>(path);
        if (s_needed.FirstOrDefault(name => !files.ContainsKey(name)) is { } missing)
        {
            throw new WeightsException($"{path}: does not list {missing}, which every checkpoint needs. {Advice}");
        }

        if (
            files.FirstOrDefault(file =>
                file.Value is null || (file.Key != CheckpointDirectory.StepsFile && !s_needed.Contains(file.Key))
            ) is
            { Key: { } unknown }
        )
        {
            throw new WeightsException($"{path}: lists {unknown}, which is not a file of a checkpoint or has no entry. {Advice}");
        }

        foreach (var (name, entry) in files)
        {
            var file = new FileInfo(Path.Combine(folder, name));
            if (!file.Exists)
            {
                throw new WeightsException($"{file.FullName}: is missing, though the manifest lists it. {Advice}");
            }

            if (file.Length != entry.Bytes)
            {
                throw Differs(file.FullName);
            }
        }

        return new CheckpointManifest(folder, files);
    }

    /// <summary>Compares the hash of every file with the manifest.</summary>
    /// <exception cref="WeightsException">A file differs.</exception>
    public void CheckHashes()
    {
        foreach (var (name, entry) in _files)
        {
            var path = Path.Combine(_folder, name);
            try
            {
                using var stream = File.OpenRead(path);
                if (Convert.ToHexStringLower(SHA256.HashData(stream)) != entry.Sha256)
                {
                    throw Differs(path);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw Unreadable(path, error);
            }
        }
    }

    /// <exception cref="WeightsException">The file cannot be read or is not JSON of type <typeparamref name="T"/>.</exception>
    public static T ReadJson<T>(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return JsonSerializer.Deserialize<T>(stream, Json) ?? throw new JsonException("it is null");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw Unreadable(path, error);
        }
    }

    private static WeightsException Unreadable(string path, Exception error) => new($"{path}: cannot be read: {error.Message}", error);

    private static WeightsException Differs(string path) =>
        new($"{path}: differs from what was written (its size or hash is not the manifest's). {Advice}");

    internal sealed record Entry(long Bytes, string Sha256);
}

/// <summary>
/// The counters and identity of a checkpoint, apart from its tensors. The order of samples and the augmentation are pure functions
/// of the seed, so the step alone determines the position in the data.
/// </summary>
/// <param name="Step">Steps done, which is also the index of the next step.</param>
/// <param name="Samples">Pairs trained on, excluding bad samples.</param>
/// <param name="BadSamples">Samples that could not be used.</param>
/// <param name="TrainingSeconds">Training time so far in seconds of wall clock, over all resumes.</param>
/// <param name="ConfigHash">Hash of the run's configuration.</param>
/// <param name="CorpusHash">Hash of the corpus manifest.</param>
public sealed record CheckpointState(long Step, long Samples, long BadSamples, double TrainingSeconds, string ConfigHash, string CorpusHash)
{
    /// <summary>Steps that changed no weight: after an overflow in fp16, without a usable sample, or passed over.</summary>
    public long SkippedSteps { get; init; }

    /// <summary>Loss scale of the next step; 1 except in fp16.</summary>
    public double LossScale { get; init; } = 1;

    /// <summary>Updates since the loss scale last changed.</summary>
    public long CleanSteps { get; init; }

    /// <summary>Version of the checkpoint format; readers reject other versions.</summary>
    public int FormatVersion { get; init; } = 1;
}
