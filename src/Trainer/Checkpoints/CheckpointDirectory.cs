using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Trainer.Checkpoints;

/// <summary>
/// The checkpoints of a run on disk, <c>checkpoints/step-00001200/</c> each. One is written beside its final name, synced
/// and renamed, so that a name that exists is a checkpoint that is whole; older ones go only after that.
/// </summary>
public sealed class CheckpointDirectory(string root)
{
    public const string ModelFile = "model.safetensors", OptimizerFile = "optimizer.safetensors", StateFile = "state.json", StepsFile = "steps.jsonl", ManifestFile = "manifest.json";
    private const string Prefix = "step-", PartialSuffix = ".partial", ReplacedSuffix = ".replaced";
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public string Root { get; } = root;

    /// <summary>The directory of a step's checkpoint, whether it exists or not.</summary>
    public string PathOf(long step) => Path.Combine(Root, Prefix + step.ToString("D8", CultureInfo.InvariantCulture));

    /// <summary>Steps that have a checkpoint, ascending.</summary>
    public IReadOnlyList<long> Steps() => !Directory.Exists(Root) ? [] :
    [
        .. Directory.EnumerateDirectories(Root, Prefix + "*")
            .Select(path => long.TryParse(Path.GetFileName(path).AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : -1)
            .Where(step => step >= 0)
            .Order(),
    ];

    /// <summary>Writes a checkpoint and removes all but the newest <paramref name="keep"/>.</summary>
    /// <param name="unrecorded">Records of steps in it that the run's ledger may lack, so that it never holds a step that nobody can account for.</param>
    /// <exception cref="CheckpointException">The disk is full or cannot be written; nothing earlier was touched.</exception>
    public string Write(CheckpointState state, IReadOnlyList<NamedTensor> model, IReadOnlyList<NamedTensor> optimizer, IReadOnlyList<StepRecord> unrecorded, int keep)
    {
        var final = PathOf(state.Step);
        // A rank that the others have given up may still be writing the same step.
        var partial = $"{final}{PartialSuffix}-{Guid.NewGuid():N}";
        try
        {
            Directory.CreateDirectory(partial);
            var metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt", ["step"] = state.Step.ToString(CultureInfo.InvariantCulture) };
            var manifest = new SortedDictionary<string, ManifestEntry>(StringComparer.Ordinal)
            {
                [ModelFile] = WriteHashed(Path.Combine(partial, ModelFile), stream => SafetensorsWriter.Write(stream, model, metadata)),
                [OptimizerFile] = WriteHashed(Path.Combine(partial, OptimizerFile), stream => SafetensorsWriter.Write(stream, optimizer, metadata)),
                [StateFile] = WriteHashed(Path.Combine(partial, StateFile), stream => JsonSerializer.Serialize(stream, state, Json)),
                [StepsFile] = WriteHashed(Path.Combine(partial, StepsFile), stream => LedgerFile.Write(stream, unrecorded.Select(step => new LedgerEntry(null, step)))),
            };
            WriteHashed(Path.Combine(partial, ManifestFile), stream => JsonSerializer.Serialize(stream, manifest, Json));
            DirectorySync.Sync(partial);
            ReplaceWith(partial, final);
            DirectorySync.Sync(Root);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            TryDelete(partial);
            var last = Steps() is [.., var step] ? $"The checkpoint of step {step} is whole." : "There is no earlier checkpoint.";
            throw new CheckpointException($"{final}: the checkpoint could not be written: {error.Message} {last} Free some space, then resume.", error);
        }

        foreach (var step in Steps().SkipLast(keep))
            TryDelete(PathOf(step));
        return final;
    }

    /// <summary>Records of steps that the ledger may have lacked when a checkpoint was written.</summary>
    /// <exception cref="CheckpointException">The file is there and cannot be read.</exception>
    public IReadOnlyList<StepRecord> Unrecorded(long step)
    {
        var path = Path.Combine(PathOf(step), StepsFile);
        try
        {
            return File.Exists(path) ? [.. LedgerFile.Read(path).Select(entry => entry.Step!)] : [];
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            throw new CheckpointException($"{path}: cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Removes what writers have left that were killed. Only when nobody writes.</summary>
    public void RemoveLeftovers()
    {
        if (!Directory.Exists(Root))
            return;
        foreach (var leftover in Directory.EnumerateDirectories(Root, $"{Prefix}*{PartialSuffix}-*").Concat(Directory.EnumerateDirectories(Root, $"{Prefix}*{ReplacedSuffix}")))
            TryDelete(leftover);
    }

    /// <summary>Reads a checkpoint's state after comparing every file with the manifest.</summary>
    /// <exception cref="CheckpointException">Something is missing or differs from what was written.</exception>
    public CheckpointState Verify(long step)
    {
        var path = PathOf(step);
        var manifest = ReadJson<SortedDictionary<string, ManifestEntry>>(Path.Combine(path, ManifestFile));
        foreach (var (name, expected) in manifest)
        {
            var file = Path.Combine(path, name);
            if (!File.Exists(file))
                throw new CheckpointException($"{file}: is missing, though the manifest names it. Resume from another checkpoint with --step.");
            using var stream = File.OpenRead(file);
            if (stream.Length != expected.Bytes || Convert.ToHexStringLower(SHA256.HashData(stream)) != expected.Sha256)
                throw new CheckpointException($"{file}: differs from what was written (its size or hash is not the manifest's). Resume from another checkpoint with --step.");
        }

        var state = ReadJson<CheckpointState>(Path.Combine(path, StateFile));
        return state.FormatVersion == 1
            ? state
            : throw new CheckpointException($"{path}: has format version {state.FormatVersion}; this program reads version 1.");
    }

    private static T ReadJson<T>(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return JsonSerializer.Deserialize<T>(stream, Json) ?? throw new JsonException("it is null");
        }
        catch (Exception error) when (error is IOException or JsonException)
        {
            throw new CheckpointException($"{path}: cannot be read: {error.Message}", error);
        }
    }

    private static ManifestEntry WriteHashed(string path, Action<Stream> write)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20);
        using var hash = SHA256.Create();
        using (var hashing = new CryptoStream(file, hash, CryptoStreamMode.Write, leaveOpen: true))
            write(hashing);
        file.Flush(flushToDisk: true);
        return new ManifestEntry(file.Length, Convert.ToHexStringLower(hash.Hash!));
    }

    private static void ReplaceWith(string partial, string final)
    {
        // A crash in the midst of this may have left one.
        var replaced = final + ReplacedSuffix;
        if (Directory.Exists(replaced))
            Directory.Delete(replaced, recursive: true);
        if (Directory.Exists(final))
            Directory.Move(final, replaced);
        Directory.Move(partial, final);
        if (Directory.Exists(replaced))
            Directory.Delete(replaced, recursive: true);
    }

    private static void TryDelete(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (IOException)
        {
            // A leftover is removed when the run ends; the run must not fail for it.
        }
    }

    private sealed record ManifestEntry(long Bytes, string Sha256);
}
