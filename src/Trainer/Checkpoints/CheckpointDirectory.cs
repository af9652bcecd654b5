using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Checkpoints;

/// <summary>
/// The checkpoints of a run on disk, in directories such as <c>checkpoints/step-00001200/</c>. A checkpoint is written under a
/// temporary name, synced and renamed, and renamed again before any of it is deleted, so a directory with a final name is always
/// complete.
/// </summary>
public sealed class CheckpointDirectory(string root, FileOperations? files = null)
{
    public const string ModelFile = "model.safetensors",
        OptimizerFile = "optimizer.safetensors",
        StateFile = "state.json",
        StepsFile = "steps.jsonl",
        ManifestFile = CheckpointManifest.FileName;
    private const string Prefix = "step-",
        PartialSuffix = ".partial",
        ReplacedSuffix = ".replaced";

    /// <summary>Retries of a rename: concurrent writers of one step, or a reader that restores it, may take each other's names.</summary>
    private const int RenameAttempts = 10;

    private readonly FileOperations _files = files ?? FileOperations.System;

    public string Root { get; } = root;

    /// <summary>The directory of a step's checkpoint, whether or not it exists.</summary>
    public string PathOf(long step) => Path.Combine(Root, Prefix + step.ToString("D8", CultureInfo.InvariantCulture));

    /// <summary>
    /// Steps that have a checkpoint, in ascending order. First restores a checkpoint whose replacement was interrupted.
    /// </summary>
    public IReadOnlyList<long> Steps()
    {
        if (!Directory.Exists(Root))
        {
            return [];
        }

        foreach (var replaced in Directory.EnumerateDirectories(Root, $"{Prefix}*{ReplacedSuffix}").ToList())
        {
            Try(() => Restore(replaced[..^ReplacedSuffix.Length]));
        }

        return
        [
            .. Directory
                .EnumerateDirectories(Root, Prefix + "*")
                .Select(path =>
                    long.TryParse(
                        Path.GetFileName(path).AsSpan(Prefix.Length),
                        NumberStyles.None,
                        CultureInfo.InvariantCulture,
                        out var step
                    )
                    && PathOf(step) == path
                        ? step
                        : -1
                )
                .Where(step => step >= 0)
                .Order(),
        ];
    }

    /// <summary>Metadata of a checkpoint's safetensors files.</summary>
    internal static IReadOnlyDictionary<string, string> Metadata(long step) =>
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["format"] = "pt",
            ["step"] = step.ToString(CultureInfo.InvariantCulture),
        };

    /// <summary>
    /// Writes a checkpoint and deletes the earlier ones that <paramref name="retention"/> gives up. Does not touch checkpoints of later
    /// steps, which belong to a history that was rolled back.
    /// </summary>
    /// <param name="unrecorded">
    /// Records of steps in the checkpoint that the run's ledger may lack, so that no checkpoint contains an unaccounted step.
    /// </param>
    /// <exception cref="WeightsException">The disk is full or not writable. Earlier checkpoints are intact.</exception>
    public string Write(
        CheckpointState state,
        IReadOnlyList<NamedTensor> model,
        IReadOnlyList<NamedTensor> optimizer,
        IReadOnlyList<StepRecord> unrecorded,
        Retention retention
    )
    {
        var final = PathOf(state.Step);
        // A rank excluded from the generation may still be writing the same step.
        var partial = Aside(final);
        try
        {
            _files.CreateDirectory(partial);
            var metadata = Metadata(state.Step);
            var manifest = new SortedDictionary<string, CheckpointManifest.Entry>(StringComparer.Ordinal)
            {
                [ModelFile] = WriteHashed(Path.Combine(partial, ModelFile), stream => SafetensorsWriter.Write(stream, model, metadata)),
                [OptimizerFile] = WriteHashed(
                    Path.Combine(partial, OptimizerFile),
                    stream => SafetensorsWriter.Write(stream, optimizer, metadata)
                ),
                [StateFile] = WriteHashed(
                    Path.Combine(partial, StateFile),
                    stream => JsonSerializer.Serialize(stream, state, CheckpointManifest.Json)
                ),
                [StepsFile] = WriteHashed(
                    Path.Combine(partial, StepsFile),
                    stream => LedgerFile.Write(stream, unrecorded.Select(step => new LedgerEntry(null, step)))
                ),
            };
            WriteHashed(Path.Combine(partial, ManifestFile), stream => JsonSerializer.Serialize(stream, manifest, CheckpointManifest.Json));
            _files.Sync(partial);
            Publish(partial, final);
            _files.Sync(Root);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Try(() => _files.Delete(partial));
            var last = Steps() is [.., var step] ? $"The checkpoint of step {step} is intact." : "There is no earlier checkpoint.";
            throw new WeightsException(
                $"{final}: the checkpoint could not be written: {error.Message} {last} Free some space, then resume.",
                error
            );
        }

        foreach (var step in retention.Superfluous([.. Steps().Where(step => step <= state.Step)]))
        {
            Try(() => Remove(PathOf(step)));
        }

        return final;
    }

    /// <summary>
    /// Records of the steps up to a checkpoint that the ledger may have lacked when it was written. If a writer has deleted it in favour of
    /// newer ones, they hold these records too.
    /// </summary>
    /// <exception cref="WeightsException">The file exists but cannot be read, or neither this checkpoint nor a newer one exists.</exception>
    public IReadOnlyList<StepRecord> Unrecorded(long step)
    {
        while (true)
        {
            var holder =
                Steps().Where(later => later >= step).Cast<long?>().FirstOrDefault()
                ?? throw new WeightsException($"{PathOf(step)}: does not exist.");
            var path = Path.Combine(PathOf(holder), StepsFile);
            try
            {
                return
                [
                    .. LedgerFile
                        .Read(path)
                        .Select(entry => entry.Step ?? throw new InvalidDataException("a line is not a step record"))
                        .TakeWhile(record => record.Metrics.Step <= step),
                ];
            }
            catch (IOException) when (IsGone(holder))
            {
                // Deleted meanwhile.
            }
            catch (FileNotFoundException)
            {
                return [];
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                throw new WeightsException($"{path}: cannot be read: {error.Message}", error);
            }
        }
    }

    /// <summary>Deletes partial checkpoints left by killed writers. Call only when no writer is active.</summary>
    public void RemoveLeftovers()
    {
        // Restore first: a checkpoint that can be restored is not a leftover.
        Steps();
        if (!Directory.Exists(Root))
        {
            return;
        }

        foreach (
            var leftover in Directory
                .EnumerateDirectories(Root, $"{Prefix}*{PartialSuffix}-*")
                .Concat(Directory.EnumerateDirectories(Root, $"{Prefix}*{ReplacedSuffix}"))
                .ToList()
        )
        {
            Try(() => _files.Delete(leftover));
        }
    }

    /// <summary>True if all files of a checkpoint exist with the sizes in its manifest; does not read their contents.</summary>
    public bool IsComplete(long step)
    {
        try
        {
            CheckpointManifest.Read(PathOf(step));
            return true;
        }
        catch (WeightsException)
        {
            return false;
        }
    }

    /// <summary>Number of pairs trained on up to a checkpoint, read without verifying its files.</summary>
    /// <exception cref="WeightsException">The state is missing or damaged.</exception>
    public long Samples(long step) => CheckpointManifest.ReadJson<CheckpointState>(Path.Combine(PathOf(step), StateFile)).Samples;

    /// <summary>Reads a checkpoint's state after verifying every file against the manifest.</summary>
    /// <exception cref="WeightsException">A file is missing or differs from the manifest.</exception>
    public CheckpointState Verify(long step)
    {
        var path = PathOf(step);
        CheckpointManifest.Read(path).CheckHashes();
        var state = CheckpointManifest.ReadJson<CheckpointState>(Path.Combine(path, StateFile));
        if (state.FormatVersion != 1)
        {
            throw new WeightsException($"{path}: has format version {state.FormatVersion}; this program reads version 1.");
        }

        return state.Step == step
            ? state
            : throw new WeightsException(
                $"{path}: holds the state of step {state.Step}, so it was renamed or copied. Give it its own name, or resume from "
                    + "another checkpoint with --step."
            );
    }

    /// <summary>The newest intact checkpoint; null if there are no checkpoints.</summary>
    /// <param name="onDamaged">Called for each newer checkpoint that is damaged, with the reason.</param>
    /// <param name="before">Checkpoints of this step and later ones do not count.</param>
    /// <exception cref="WeightsException">There are checkpoints, but none is intact. The message is that of the newest.</exception>
    public CheckpointState? NewestWhole(Action<long, string> onDamaged, long before = long.MaxValue)
    {
        WeightsException? first = null;
        var damaged = new List<(long Step, string Reason)>();
        foreach (var step in Steps().Where(step => step < before).Reverse())
        {
            try
            {
                var state = VerifyWhileWritten(step);
                damaged.ForEach(passed => onDamaged(passed.Step, passed.Reason));
                return state;
            }
            catch (WeightsException error) when (!IsGone(step))
            {
                first ??= error;
                damaged.Add((step, error.Message));
            }
            catch (WeightsException)
            {
                // A writer has meanwhile deleted it in favour of newer ones, which the list may lack.
                return NewestWhole(onDamaged, before);
            }
        }

        return first is null ? null : throw new WeightsException($"{first.Message} No other checkpoint in {Root} is intact.", first);
    }

    /// <summary>
    /// Reads the newest checkpoint, damaged or not; again if a writer deletes it meanwhile in favour of newer ones. Null if there are none.
    /// </summary>
    public T? ReadNewest<T>(Func<long, T> read)
        where T : class
    {
        while (Steps() is [.., var step])
        {
            try
            {
                return read(step);
            }
            catch (WeightsException) when (IsGone(step))
            {
                // Deleted meanwhile.
            }
        }

        return null;
    }

    private bool IsGone(long step) => !Steps().Contains(step);

    /// <summary>Verifies twice before reporting damage: a writer may replace a checkpoint of the same step while it is read.</summary>
    private CheckpointState VerifyWhileWritten(long step)
    {
        try
        {
            return Verify(step);
        }
        catch (WeightsException)
        {
            return Verify(step);
        }
    }

    private static string Aside(string path) => $"{path}{PartialSuffix}-{Guid.NewGuid():N}";

    private CheckpointManifest.Entry WriteHashed(string path, Action<Stream> write)
    {
        using var file = _files.Create(path);
        using var hash = SHA256.Create();
        using (var hashing = new CryptoStream(file, hash, CryptoStreamMode.Write, leaveOpen: true))
        {
            write(hashing);
        }

        _files.Flush(file);
        return new CheckpointManifest.Entry(file.Length, Convert.ToHexStringLower(hash.Hash!));
    }

    /// <summary>
    /// Renames a complete checkpoint to its final name. At every moment either it or the one that it replaces can be found.
    /// </summary>
    private void Publish(string partial, string final)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Restore(final);
                if (!Directory.Exists(final))
                {
                    _files.Move(partial, final);
                }
                else if (_files.TryExchange(partial, final))
                {
                    Try(() => _files.Delete(partial));
                }
                else
                {
                    _files.Move(final, final + ReplacedSuffix);
                    _files.Move(partial, final);
                    Try(() => Remove(final + ReplacedSuffix));
                }

                return;
            }
            catch (IOException) when (attempt < RenameAttempts && Directory.Exists(final) && Directory.Exists(partial))
            {
                // Another writer of this step was faster.
            }
        }
    }

    /// <summary>Restores a checkpoint that was moved aside for a replacement that never came.</summary>
    private void Restore(string final)
    {
        var replaced = final + ReplacedSuffix;
        if (!Directory.Exists(replaced))
        {
            return;
        }

        if (Directory.Exists(final))
        {
            Remove(replaced);
        }
        else
        {
            _files.Move(replaced, final);
        }
    }

    /// <summary>Renames the checkpoint before deleting any of it.</summary>
    private void Remove(string checkpoint)
    {
        var aside = Aside(checkpoint);
        _files.Move(checkpoint, aside);
        _files.Delete(aside);
    }

    private static void Try(Action change)
    {
        try
        {
            change();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Leftovers are removed when the run ends; the run must not fail because of them.
        }
    }
}
