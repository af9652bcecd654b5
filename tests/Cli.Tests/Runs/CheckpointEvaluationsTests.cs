using System.Text.Json;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using Serilog.Events;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class CheckpointEvaluationsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RunFiles _files;
    private readonly List<string> _messages = [];
    private readonly List<(long Step, double Value)> _figures = [];

    public CheckpointEvaluationsTests()
    {
        _files = new RunFiles(_folder.Path);
        File.WriteAllText(_files.Config, "name: run\n");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_pruned_checkpoint_is_still_evaluated_and_the_best_one_is_kept()
    {
        var pruned = new SemaphoreSlim(0);
        using (
            var evaluations = Evaluations(
                async (checkpoint, output, _) =>
                {
                    await pruned.WaitAsync();
                    return Measured(
                        output,
                        double.Parse(
                            File.ReadAllText(Path.Combine(checkpoint, "model.safetensors")),
                            System.Globalization.CultureInfo.InvariantCulture
                        )
                    );
                }
            )
        )
        {
            foreach (var (step, value) in new[] { (10, "0.5"), (20, "0.3") })
            {
                var checkpoint = Checkpoint(step, value);
                evaluations.Offer(step);
                Directory.Delete(checkpoint, recursive: true);
                pruned.Release();
                Assert.True(SpinWait.SpinUntil(() => _figures.Count == step / 10, TimeSpan.FromMinutes(5)));
            }

            evaluations.Finish();
        }

        Assert.Equal([(10L, 0.5), (20L, 0.3)], _figures);
        Assert.Equal(
            "step,samples,set,task,metric,value,low,high\n10,320,birds,zero_shot,top1,0.5,0.1,0.9\n20,640,birds,zero_shot,top1,0.3,0.1,0.9\n",
            File.ReadAllText(Path.Combine(_folder.Path, "evaluation.csv"))
        );
        Assert.Equal("0.5", File.ReadAllText(Path.Combine(_folder.Path, "best", "checkpoints", "step-00000010", "model.safetensors")));
        Assert.False(Directory.Exists(Path.Combine(_folder.Path, "evaluation", "checkpoints", "step-00000010")));
    }

    [Fact]
    public void Checkpoints_are_skipped_if_training_is_faster_than_evaluation()
    {
        var (entered, leave) = (new SemaphoreSlim(0), new SemaphoreSlim(0));
        var measured = new List<string>();
        using (
            var evaluations = Evaluations(
                async (checkpoint, output, _) =>
                {
                    measured.Add(Path.GetFileName(checkpoint));
                    entered.Release();
                    await leave.WaitAsync();
                    return Measured(output, 0.5);
                }
            )
        )
        {
            Checkpoint(10, "x");
            evaluations.Offer(10);
            entered.Wait();
            foreach (var step in new[] { 20, 25, 30 })
            {
                Checkpoint(step, "x");
                evaluations.Offer(step);
            }

            leave.Release(2);
            evaluations.Finish();
        }

        Assert.Equal(["step-00000010", "step-00000030"], measured);
        Assert.Contains(_messages, message => message.Contains("step 20 is skipped", StringComparison.Ordinal));
    }

    [Fact]
    public void A_host_that_another_one_replaced_meanwhile_neither_records_its_evaluation_nor_replaces_the_best_checkpoint()
    {
        using (
            var evaluations = Evaluations(
                (_, output, _) =>
                {
                    FileRunLedger.Open(_files.Ledger, term: 2).Dispose();
                    return Task.FromResult(Measured(output, 0.5));
                }
            )
        )
        {
            Checkpoint(10, "x");
            evaluations.Offer(10);
            evaluations.Finish();
        }

        Assert.Empty(_figures);
        Assert.False(Directory.Exists(Path.Combine(_folder.Path, "best")));
        Assert.Contains(_messages, message => message.Contains("step 10 is not recorded", StringComparison.Ordinal));
    }

    [Fact]
    public void A_host_that_goes_back_abandons_the_evaluation_in_progress_and_the_pending_one()
    {
        var measured = new List<string>();
        var entered = new SemaphoreSlim(0);
        using (
            var evaluations = Evaluations(
                async (checkpoint, output, abandon) =>
                {
                    measured.Add(Path.GetFileName(checkpoint));
                    entered.Release();
                    await Task.Delay(Timeout.Infinite, abandon).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    return Measured(output, 0.5);
                }
            )
        )
        {
            Checkpoint(10, "x");
            evaluations.Offer(10);
            entered.Wait();
            Checkpoint(20, "x");
            evaluations.Offer(20);
        }

        Assert.Equal(["step-00000010"], measured);
        Assert.Empty(_figures);
        Assert.Empty(Directory.GetDirectories(Path.Combine(_files.Evaluation, "checkpoints")));
        Assert.Contains("The evaluation of step 10 is abandoned.", _messages, StringComparer.Ordinal);
    }

    [Fact]
    public void Failures_are_logged()
    {
        using (var evaluations = Evaluations((_, _, _) => Task.FromResult((4, "Evaluation set 'birds': birds.parquet does not exist"))))
        {
            evaluations.Offer(10);
            Checkpoint(20, "x");
            evaluations.Offer(20);
            evaluations.Finish();
        }

        Assert.Contains(_messages, message => message.StartsWith("The checkpoint of step 10 is not evaluated", StringComparison.Ordinal));
        Assert.Contains(
            _messages,
            message => message.Contains("step 20", StringComparison.Ordinal) && message.Contains("birds.parquet", StringComparison.Ordinal)
        );
        Assert.Empty(_figures);
    }

    private CheckpointEvaluations Evaluations(Func<string, string, CancellationToken, Task<(int, string)>> evaluate) =>
        new(
            _files,
            new EvaluationOptions { EverySteps = 10, BestFigure = "birds zero_shot top1" },
            evaluate,
            (LogEventLevel _, string message) =>
            {
                lock (_messages)
                {
                    _messages.Add(message);
                }
            },
            (step, rows) => _figures.Add((step, rows[0].Value))
        )
        {
            History = new EvaluationHistory(_files, term: 1, resumedStep: 0),
        };

    private string Checkpoint(long step, string content)
    {
        var path = Directory.CreateDirectory(Path.Combine(_files.Checkpoints, $"step-{step:D8}")).FullName;
        File.WriteAllText(Path.Combine(path, "model.safetensors"), content);
        File.WriteAllText(
            Path.Combine(path, "state.json"),
            JsonSerializer.Serialize(new CheckpointState(step, step * 32, 0, 0, "", ""), TelemetryJson.OneLine)
        );
        return path;
    }

    private static (int, string) Measured(string output, double value)
    {
        Directory.CreateDirectory(output);
        File.WriteAllText(
            Path.Combine(output, "results.json"),
            JsonSerializer.Serialize(
                new[]
                {
                    new
                    {
                        set = "birds",
                        task = "zero_shot",
                        metric = "top1",
                        value,
                        low = 0.1,
                        high = 0.9,
                        n = 10,
                        seed = (long?)null,
                    },
                }
            )
        );
        return (ExitCodes.Ok, "");
    }
}
