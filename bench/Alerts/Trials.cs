using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Worker;
using TorchSharp;

namespace ClipTrain.Bench.Alerts;

/// <summary>Short runs of a small model on the demo corpus, each watched by the alerts.</summary>
internal sealed class Trials(string demo, string folder)
{
    /// <summary>The trial whose image tower gets its first weights back after each step.</summary>
    public const string Frozen = "image tower frozen by mistake";

    private const int Steps = 200;

    private readonly string _run = DemoRun.Write(demo, folder, "trial", steps: 400);
    private int _count;

    /// <summary>The first alert within 200 steps, or the error that ended the run; null if there was none.</summary>
    public string? FirstAlert(string name, IReadOnlyList<string> sets)
    {
        var options = RunConfig.Load(_run, [$"name=trial-{++_count}", $"output.directory={folder}", .. sets]).Options;
        string? noticed = null;
        using var alerting = new RunAlerting(options, folder, _ => { }, TimeProvider.System)
        {
            OnAlert = alert => noticed ??= $"{alert.Kind} at step {alert.Step}",
        };
        using var trainer = new LocalTrainer(options);
        using var over = new CancellationTokenSource();
        var frozen =
            name == Frozen ? trainer.Model.Parameters.Specs.Where(spec => IsImage(spec.Name)).Select(spec => spec.Name).ToList() : [];
        var kept = frozen.ToDictionary(key => key, key => trainer.Model.Parameters[key].detach().clone(), StringComparer.Ordinal);
        var bad = 0L;
        try
        {
            trainer.Train(
                step =>
                {
                    using var guard = torch.no_grad();
                    foreach (var (key, weights) in kept)
                    {
                        trainer.Model.Parameters[key].copy_(weights);
                    }

                    var share = new StepShare(options.Training.GlobalBatch, (int)(step.BadSamples - bad), Digest: 0, BusySeconds: 0);
                    bad = step.BadSamples;
                    alerting.Observe(new StepRecord(1, step, [share]));
                    if (noticed is not null || step.Step >= Steps)
                    {
                        over.Cancel();
                    }
                },
                over.Token
            );
        }
        catch (NonFiniteException error)
        {
            noticed ??= error.Message.Split(';')[0];
        }

        return noticed;
    }

    private static bool IsImage(string name) => name.StartsWith("visual.", StringComparison.Ordinal);
}
