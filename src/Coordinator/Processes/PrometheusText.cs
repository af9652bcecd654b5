using System.Globalization;
using System.Text;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Processes;

/// <summary>Formats a run's state and newest step in Prometheus' text format: base units in names, <c>_total</c> for counters.</summary>
internal static class PrometheusText
{
    /// <param name="run">The run's name, used as a label.</param>
    /// <param name="status">Status of the run.</param>
    /// <param name="step">Its newest step; null if unknown.</param>
    public static string Of(string run, RunStatus status, StepMetrics? step)
    {
        var label = run.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);
        var text = new StringBuilder();
        Gauge("term", "Term of the process that hosts the run.", status.Term);
        if (status.State is { } state)
        {
            Gauge("generation", "Generation that trains, or forms.", state.Generation);
            Gauge("committed_step", "Smallest step that all workers of the generation have committed.", state.CommittedStep);
            Gauge("recorded_step", "Last step in the ledger.", state.RecordedStep);
            Gauge("checkpoint_step", "Step of the last checkpoint; 0 when there is none.", state.LastCheckpoint?.Step ?? 0);
            Gauge("workers", "Workers of the generation that trains.", state.Members.Count(member => member.IsAssigned));
            Gauge("ended", "1 when the run has ended.", state.HasEnded ? 1 : 0);
        }

        if (step is not null)
        {
            Gauge("training_loss", "Loss of the newest step.", step.Loss);
            Gauge("training_gradient_norm", "Norm of the gradient before clipping.", step.GradientNorm);
            Gauge("training_learning_rate", "Learning rate of the newest step.", step.LearningRate);
            Gauge("training_step_duration_seconds", "Wall seconds of the newest step.", step.StepSeconds);
            Gauge("training_throughput_images_per_second", "Images a second over all workers.", step.ImagesPerSecond);
            Gauge("training_data_wait_ratio", "Share of the newest step that waited for data.", step.DataWaitShare);
            Gauge("training_epoch", "Passes over the corpus.", step.Epoch);
            if (step.LogitScale is { } scale)
            {
                Gauge("training_logit_scale", "Factor on the cosine similarities.", scale);
            }

            if (step.Mfu is { } mfu)
            {
                Gauge("training_mfu_ratio", "Model FLOPs utilisation of rank 0.", mfu);
            }

            Towers("gradient_norm", "Norm of a tower's gradient before clipping.", tower => tower.GradientNorm);
            Towers("mean_cosine", "Mean cosine similarity of two samples' embeddings.", tower => tower.MeanCosine);
            Towers("effective_rank", "Number of directions over which embeddings spread.", tower => tower.EffectiveRank);
            Add("training_samples_total", "counter", "Samples trained on.", step.Samples);
            Add("training_bad_samples_total", "counter", "Samples that could not be used.", step.BadSamples);
        }

        return text.ToString();

        void Gauge(string name, string help, double value) => Add(name, "gauge", help, value);

        void Add(string name, string kind, string help, double value)
        {
            Describe(name, kind, help);
            Sample(name, "", value);
        }

        void Towers(string name, string help, Func<TowerMetrics, double?> figure)
        {
            (string Tower, double? Value)[] known =
            [
                .. new[] { ("image", step?.ImageTower), ("text", step?.TextTower) }.Select(tower =>
                    (tower.Item1, tower.Item2 is { } metrics ? figure(metrics) : null)
                ),
            ];
            if (known.All(tower => tower.Value is null))
            {
                return;
            }

            Describe($"training_tower_{name}", "gauge", help);
            foreach (var (tower, value) in known)
            {
                if (value is { } number)
                {
                    Sample($"training_tower_{name}", $",tower=\"{tower}\"", number);
                }
            }
        }

        void Describe(string name, string kind, string help) =>
            text.Append(CultureInfo.InvariantCulture, $"# HELP cliptrain_{name} {help}\n# TYPE cliptrain_{name} {kind}\n");

        void Sample(string name, string labels, double value) =>
            text.Append(CultureInfo.InvariantCulture, $"cliptrain_{name}{{run=\"{label}\"{labels}}} {Number(value)}\n");
    }

    private static string Number(double value) =>
        double.IsNaN(value) ? "NaN"
        : double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : value.ToString("R", CultureInfo.InvariantCulture);
}
