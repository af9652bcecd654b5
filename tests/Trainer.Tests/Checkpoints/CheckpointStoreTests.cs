using System.Runtime.InteropServices;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Tests.Checkpoints;

/// <summary>Whatever a writer was doing when it was killed, the store holds the newest complete checkpoint.</summary>
public sealed class CheckpointStoreTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cliptrain-store-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_writer_killed_before_any_operation_loses_no_checkpoint(bool exchanges)
    {
        var operations = KilledFiles.AtEveryOperation(
            exchanges,
            files =>
            {
                Clear();
                Write(100, 1);
                Write(200, 1);
                Write(new CheckpointDirectory(_root, files), 300, 1);
            },
            _ =>
            {
                Assert.Contains(AssertWhole(), (IEnumerable<long>)[200, 300]);
                Assert.Equal([200, 300, 400], RestartAndWrite(400));
            }
        );

        Assert.InRange(operations, 15, 100);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_writer_killed_while_replacing_the_only_checkpoint_leaves_one_of_the_two(bool exchanges)
    {
        KilledFiles.AtEveryOperation(
            exchanges,
            files =>
            {
                Clear();
                Write(200, 1);
                Write(new CheckpointDirectory(_root, files), 200, 2);
            },
            _ =>
            {
                Assert.Equal(200, AssertWhole());
                Assert.Contains(Samples(200), (IEnumerable<long>)[1, 2]);
                Assert.Equal([200], RestartAndWrite(200));
                Assert.Equal(3, Samples(200));
            }
        );
    }

    [Fact]
    public void Leftovers_are_removed_and_checkpoints_are_kept()
    {
        KilledFiles.AtEveryOperation(
            exchanges: false,
            files =>
            {
                Clear();
                Write(200, 1);
                Write(new CheckpointDirectory(_root, files), 200, 2);
            },
            _ =>
            {
                new CheckpointDirectory(_root).RemoveLeftovers();
                Assert.Equal("step-00000200", Path.GetFileName(Assert.Single(Directory.GetDirectories(_root))));
                AssertWhole();
            }
        );
    }

    [Fact]
    public void A_new_checkpoint_is_kept_even_if_later_steps_have_checkpoints()
    {
        foreach (var step in new[] { 300L, 400, 500 })
        {
            Write(step, 1, keep: 3);
        }

        Write(100, 1);
        Write(200, 1);

        Assert.Equal([100, 200, 300, 400, 500], new CheckpointDirectory(_root).Steps());
    }

    [Theory]
    [InlineData("{}", "does not list model.safetensors")]
    [InlineData("null", "cannot be read")]
    [InlineData("""{"model.safetensors":null,"optimizer.safetensors":null,"state.json":null}""", "lists model.safetensors, which")]
    public void A_manifest_that_does_not_list_a_checkpoints_files_is_rejected(string manifest, string reason)
    {
        Write(200, 1);
        File.WriteAllText(Path.Combine(PathOf(200), CheckpointDirectory.ManifestFile), manifest);

        AssertDamaged(200, reason);
    }

    [Fact]
    public void A_manifest_cannot_refer_to_a_file_elsewhere()
    {
        Write(200, 1);
        var path = Path.Combine(PathOf(200), CheckpointDirectory.ManifestFile);
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"steps.jsonl\"", "\"../steps.jsonl\"", StringComparison.Ordinal));

        AssertDamaged(200, "lists ../steps.jsonl");
    }

    [Fact]
    public void A_checkpoint_under_another_steps_name_is_rejected()
    {
        Write(200, 1);
        Directory.Move(PathOf(200), PathOf(400));

        AssertDamaged(400, "holds the state of step 200");
    }

    [Fact]
    public void The_newest_intact_checkpoint_is_found_behind_damaged_ones()
    {
        foreach (var step in new[] { 100L, 200, 300 })
        {
            Write(step, 1, keep: 3);
        }

        Flip(Path.Combine(PathOf(300), CheckpointDirectory.ModelFile));
        File.Delete(Path.Combine(PathOf(200), CheckpointDirectory.OptimizerFile));
        var damaged = new List<long>();

        Assert.Equal(100, new CheckpointDirectory(_root).NewestWhole((step, _) => damaged.Add(step))?.Step);
        Assert.Equal([300, 200], damaged);
    }

    [Fact]
    public void Without_an_intact_checkpoint_the_newest_ones_damage_is_reported()
    {
        Write(100, 1);
        Write(200, 1);
        Flip(Path.Combine(PathOf(100), CheckpointDirectory.ModelFile));
        Flip(Path.Combine(PathOf(200), CheckpointDirectory.ModelFile));

        var error = Assert.Throws<WeightsException>(() => new CheckpointDirectory(_root).NewestWhole((_, _) => { }));

        Assert.Contains("step-00000200", error.Message, StringComparison.Ordinal);
        Assert.Contains("No other checkpoint", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Records_stored_with_a_checkpoint_are_read_back()
    {
        Write(new CheckpointDirectory(_root), 200, 1, records: [.. Records(200)]);

        Assert.Equal(200, Assert.Single(new CheckpointDirectory(_root).Unrecorded(200)).Metrics.Step);
    }

    [Fact]
    public void Records_of_a_checkpoint_that_gave_way_to_a_newer_one_are_read_from_that()
    {
        Write(new CheckpointDirectory(_root), 300, 1, records: [.. Records(100, 200, 300)]);

        Assert.Equal([100, 200], new CheckpointDirectory(_root).Unrecorded(200).Select(record => record.Metrics.Step));
        Assert.Throws<WeightsException>(() => new CheckpointDirectory(_root).Unrecorded(400));
    }

    [Fact]
    public async Task A_reader_finds_a_whole_checkpoint_and_its_records_at_every_moment_of_a_writer_that_keeps_one()
    {
        const int Steps = 300;
        Write(new CheckpointDirectory(_root), 1, 1, keep: 1, [.. Records(1)]);
        var writer = Task.Run(() =>
        {
            for (var step = 2; step <= Steps; step++)
            {
                Write(new CheckpointDirectory(_root), step, 1, keep: 1, [.. Records([.. Enumerable.Range(1, step)])]);
            }
        });

        var last = 0L;
        while (last < Steps)
        {
            if (writer.IsFaulted)
            {
                await writer;
            }

            var found = new CheckpointDirectory(_root).NewestWhole((step, reason) => Assert.Fail($"{step}: {reason}"));
            Assert.NotNull(found);
            Assert.InRange(found.Step, Math.Max(last, 1), Steps);
            Assert.Equal(found.Step, new CheckpointDirectory(_root).Unrecorded(found.Step).Count);
            Assert.NotNull(new CheckpointDirectory(_root).ReadNewest(step => new CheckpointDirectory(_root).Verify(step)));
            last = found.Step;
        }

        await writer;
    }

    private static IEnumerable<StepRecord> Records(params IEnumerable<int> steps) =>
        steps.Select(step => new StepRecord(1, ClipTrain.Tests.Shared.Samples.Step(step), [new StepShare(8, 0, 7, 0)]));

    private static unsafe void Write(
        CheckpointDirectory checkpoints,
        long step,
        long samples,
        int keep = 2,
        IReadOnlyList<StepRecord>? records = null
    )
    {
        var memory = (nint)NativeMemory.AllocZeroed(16);
        try
        {
            NamedTensor[] tensors = [new NamedTensor("weight", [4], memory)];
            checkpoints.Write(
                new CheckpointState(step, samples, 0, 0, "config", "corpus"),
                tensors,
                tensors,
                records ?? [],
                new Retention(keep)
            );
        }
        finally
        {
            NativeMemory.Free((void*)memory);
        }
    }

    private static void Flip(string path)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private void Write(long step, long samples, int keep = 2) => Write(new CheckpointDirectory(_root), step, samples, keep);

    private string PathOf(long step) => new CheckpointDirectory(_root).PathOf(step);

    private long Samples(long step) => new CheckpointDirectory(_root).Verify(step).Samples;

    private void Clear()
    {
        foreach (var directory in Directory.GetDirectories(_root))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Asserts that every listed checkpoint is intact; returns the newest one's step.</summary>
    private long AssertWhole()
    {
        var checkpoints = new CheckpointDirectory(_root);
        Assert.All(checkpoints.Steps(), step => checkpoints.Verify(step));
        return checkpoints.Steps()[^1];
    }

    /// <summary>Lets a new process remove leftovers and write a checkpoint; returns the checkpoints from step 200 on.</summary>
    private IEnumerable<long> RestartAndWrite(long step)
    {
        new CheckpointDirectory(_root).RemoveLeftovers();
        if (step == 400 && AssertWhole() == 200)
        {
            Write(300, 1);
        }

        Write(step, 3, keep: 3);
        AssertWhole();
        return new CheckpointDirectory(_root).Steps().Where(found => found >= 200);
    }

    private void AssertDamaged(long step, string reason) =>
        Assert.Contains(
            reason,
            Assert.Throws<WeightsException>(() => new CheckpointDirectory(_root).Verify(step)).Message,
            StringComparison.Ordinal
        );
}
