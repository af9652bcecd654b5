using System.Runtime.InteropServices;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class RunHistoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _lines = [];
    private readonly Logger _log;
    private readonly RunFiles _files;

    public RunHistoryTests()
    {
        _log = new LoggerConfiguration().WriteTo.Sink(new Lines(_lines)).CreateLogger();
        _files = new RunFiles(_folder.File("mine"));
        Directory.CreateDirectory(_files.Directory);
    }

    private CheckpointDirectory Checkpoints => new(_files.Checkpoints);

    public void Dispose()
    {
        _log.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_run_without_a_checkpoint_starts_at_its_first_step()
    {
        Assert.Null(GoOn());
        Assert.Empty(_lines);
        Assert.False(Directory.Exists(_files.SetAside));
    }

    [Fact]
    public void A_run_that_has_lost_its_checkpoints_warns_that_it_starts_over()
    {
        Record(1, 2);

        Assert.Null(GoOn());
        Assert.Contains("starts over at its first step", Assert.Single(_lines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_resume_without_a_step_uses_the_newest_checkpoint_and_sets_nothing_aside()
    {
        Write(2, 4);
        Record(1, 5);

        Assert.Equal(4, GoOn());
        Assert.False(Directory.Exists(_files.SetAside));
    }

    [Fact]
    public void The_history_after_a_chosen_step_is_set_aside_and_stays_there()
    {
        Write(2, 4, 6);
        Record(1, 6);
        Measure(1, 6);
        File.WriteAllText(_files.Summary, "{}");

        Assert.Equal(2, GoOn(2));
        Assert.Equal(2, GoOn());

        var aside = Path.Combine(_files.SetAside, "after-step-00000002");
        Assert.Equal([2L], Checkpoints.Steps());
        Assert.Equal([4L, 6], new CheckpointDirectory(aside).Steps());
        Assert.Equal(6, new CheckpointDirectory(aside).Verify(6).Step);
        Assert.Equal([3L, 4, 5, 6], MetricsFile.Read(Path.Combine(aside, "metrics.jsonl")).Select(metrics => metrics.Step));
        Assert.Equal([3L, 4, 5, 6], LedgerFile.Read(Path.Combine(aside, "ledger.jsonl")).Select(entry => entry.Step!.Metrics.Step));
        Assert.False(File.Exists(_files.Summary));
        Assert.Single(_lines, line => line.Contains($"after step 2 is set aside in {aside}", StringComparison.Ordinal));
        Assert.Equal(6, FileRunLedger.Read(_files.Ledger).Count(entry => entry.Step is not null));
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(4, true)]
    public void The_best_checkpoint_is_set_aside_with_the_history_that_it_is_from(long best, bool isUndone)
    {
        Write(2, 4);
        Directory.CreateDirectory(_files.Best);
        var folder = new CheckpointDirectory(new RunFiles(_files.Best).Checkpoints);
        Write(folder, best);

        GoOn(2);

        Assert.Equal(isUndone ? [] : [best], folder.Steps());
        var aside = new RunFiles(Path.Combine(_files.SetAside, "after-step-00000002", "best"));
        Assert.Equal(isUndone ? [best] : [], new CheckpointDirectory(aside.Checkpoints).Steps());
    }

    [Fact]
    public void Choosing_the_same_step_again_uses_a_new_folder()
    {
        Write(2, 4);
        GoOn(2);
        Write(4);
        GoOn(2);

        Assert.Equal([4L], new CheckpointDirectory(Path.Combine(_files.SetAside, "after-step-00000002-2")).Steps());
    }

    [Fact]
    public void A_damaged_newest_checkpoint_is_reported_and_skipped()
    {
        Write(2, 4);
        File.AppendAllText(Path.Combine(Checkpoints.PathOf(4), CheckpointDirectory.ModelFile), "x");

        Assert.Equal(2, GoOn());
        Assert.Equal([2L], Checkpoints.Steps());
        Assert.Single(_lines, line => line.Contains("step 4 is damaged", StringComparison.Ordinal));
        Assert.True(Directory.Exists(Path.Combine(_files.SetAside, "after-step-00000002", "step-00000004")));
    }

    [Fact]
    public void A_chosen_checkpoint_that_is_damaged_moves_nothing()
    {
        Write(2, 4);
        File.Delete(Path.Combine(Checkpoints.PathOf(2), CheckpointDirectory.ModelFile));

        Assert.Throws<WeightsException>(() => GoOn(2));
        Assert.Equal([2L, 4], Checkpoints.Steps());
    }

    [Fact]
    public void A_run_that_stopped_on_its_way_back_resumes_before_the_fault()
    {
        Write(2, 4, 6);
        Append(Generation(1, 0));
        Record(1, 6);
        Rollback.Write(_files, [new StepRange(4, 6)]);

        Assert.Equal(2, GoOn());
        Assert.Equal([2L], Checkpoints.Steps());
        Assert.Equal([4L, 6], new CheckpointDirectory(Path.Combine(_files.SetAside, "after-step-00000002")).Steps());

        // Once a generation passes over the fault, what comes after it is the run's history.
        Append(Generation(2, 2, new StepRange(4, 6)));
        Write(4, 6, 8);
        Assert.Equal(8, GoOn());

        Rollback.Write(_files, [new StepRange(4, 6), new StepRange(8, 8)]);
        Assert.Equal(6, GoOn());
    }

    [Fact]
    public void The_user_may_choose_a_later_checkpoint_than_the_run_was_going_back_to()
    {
        Write(2, 4, 6);
        Append(Generation(1, 0));
        Rollback.Write(_files, [new StepRange(4, 6)]);
        Assert.Equal(4, GoOn(4));
    }

    [Fact]
    public void A_copy_of_a_run_without_its_ledger_undoes_nothing()
    {
        Write(4, 6);
        Rollback.Write(_files, [new StepRange(4, 6)]);
        Assert.Equal(6, GoOn());
    }

    [Fact]
    public void A_run_whose_checkpoints_before_the_fault_are_gone_asks_what_to_do()
    {
        Write(4, 6);
        Append(Generation(1, 0));
        Rollback.Write(_files, [new StepRange(4, 6)]);

        var error = Assert.Throws<WeightsException>(() => GoOn());
        Assert.Contains(
            $"no checkpoint before step 4, at which the run diverged. Delete {_files.PassedOver} to continue from the checkpoint of step 6",
            error.Message,
            StringComparison.Ordinal
        );
        Assert.Equal([4L, 6], Checkpoints.Steps());
    }

    private long? GoOn(long? wanted = null) => new RunHistory(_files, _log).GoOnFrom(wanted)?.Step;

    private void Record(long first, long last) =>
        Append([
            .. Steps(first, last).Select(step => new LedgerEntry(Step: new StepRecord(1, Samples.Step(step), [new StepShare(8, 0, 1, 0)]))),
        ]);

    private static LedgerEntry Generation(int number, long start, params StepRange[] passedOver) =>
        new(new GenerationRecord(number, start, ["worker-0"], DateTimeOffset.UnixEpoch) { PassedOver = passedOver });

    private void Append(params LedgerEntry[] entries)
    {
        using var ledger = FileRunLedger.Open(_files.Ledger, FileRunLedger.Terms(_files.Ledger).LastOrDefault() + 1);
        ledger.AppendAsync(entries).GetAwaiter().GetResult();
    }

    private void Measure(long first, long last)
    {
        using var metrics = MetricsFile.Open(_files.Metrics, 0);
        foreach (var step in Steps(first, last))
        {
            metrics.Append(Samples.Step(step));
        }
    }

    private static IEnumerable<long> Steps(long first, long last) =>
        Enumerable.Range((int)first, (int)(last - first + 1)).Select(step => (long)step);

    private void Write(params long[] steps) => Write(Checkpoints, steps);

    private static unsafe void Write(CheckpointDirectory checkpoints, params long[] steps)
    {
        var memory = (nint)NativeMemory.AllocZeroed(16);
        NamedTensor[] tensors = [new NamedTensor("weight", [4], memory)];
        foreach (var step in steps)
        {
            checkpoints.Write(new CheckpointState(step, step, 0, 0, "config", "corpus"), tensors, tensors, [], new Retention(9));
        }

        NativeMemory.Free((void*)memory);
    }

    private sealed class Lines(List<string> lines) : ILogEventSink
    {
        public void Emit(LogEvent logEvent) => lines.Add(logEvent.RenderMessage(System.Globalization.CultureInfo.InvariantCulture));
    }
}
