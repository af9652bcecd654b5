using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Config;

/// <summary>Rules for the options that each objective requires or excludes.</summary>
internal static class ObjectiveValidation
{
    public static void Add(RunValidation.RuleList rules, RunOptions run)
    {
        string? Needed<T>(T? value, Objective by, string otherwise) =>
            (value is not null, run.Training.Objective == by) switch
            {
                (false, true) => $"is missing: training.objective {Name(by)} needs {otherwise}",
                (true, false) => $"is for training.objective {Name(by)}; this run's is {Name(run.Training.Objective)}",
                _ => null,
            };

        rules.Add(
            ["model.image.classes", "training.objective"],
            () => Needed(run.Model.Image.Classes, Objective.Classification, "the number of classes")
        );
        rules.Add(
            ["data.label_column", "training.objective"],
            () =>
                run.Data.LabelColumn == ""
                    ? "names no column"
                    : Needed(run.Data.LabelColumn, Objective.Classification, "the column with the class")
        );
        rules.Add(
            ["data.label_names", "model.image.classes", "training.objective"],
            () =>
                run.Data.LabelNames switch
                {
                    { Count: 0 } => null,
                    _ when run.Training.Objective != Objective.Classification => Needed(run.Data.LabelNames, Objective.Classification, ""),
                    var names when names.Distinct(StringComparer.Ordinal).Count() < names.Count => "has a name twice",
                    var names when names.Count != run.Model.Image.Classes =>
                        $"has {names.Count} names for the {run.Model.Image.Classes} classes of model.image.classes",
                    _ => null,
                }
        );
        foreach (
            var (key, isGiven) in new (string, Func<DataOptions, bool>)[]
            {
                ("data.caption_mode", data => data.CaptionMode != CaptionMode.First),
                ("data.long_captions", data => data.LongCaptions != LongCaptions.Cut),
            }
        )
        {
            rules.Add(
                [key, "training.objective"],
                () =>
                    isGiven(run.Data) && !run.Training.Objective.ReadsCaptions()
                        ? $"is given, but training.objective {Name(run.Training.Objective)} reads no captions"
                        : null
            );
        }

        rules.Add(
            ["training.global_batch", "training.objective"],
            () =>
                run.Training is { GlobalBatch: 1, Objective: Objective.Contrastive or Objective.TwoViews }
                    ? $"is 1, but training.objective {Name(run.Training.Objective)} tells a sample from the others of its batch"
                    : null
        );
        rules.Add(
            ["training.label_smoothing", "training.objective"],
            () => run.Training.LabelSmoothing > 0 ? Needed("", Objective.Classification, "") : null
        );
        rules.Add(
            ["model.text.attention", "training.objective"],
            () =>
                run.Training.Objective == Objective.Captioning && run.Model.Text.Attention != TextAttention.Causal
                    ? "must be causal for training.objective captioning: a token is predicted from those before it"
                    : null
        );
        rules.Add(
            ["model.image.pooling", "training.objective"],
            () =>
                run.Training.Objective == Objective.Captioning && run.Model.Image.Pooling == ImagePooling.Attention
                    ? "is attention, which training.objective captioning does not train: it reads the image's tokens"
                    : null
        );
        rules.Add(
            ["model.image.patch_dropout", "training.objective"],
            () =>
                run is { Model.Image.PatchDropout: > 0, Training.Objective: Objective.TwoViews }
                    ? "is given, but training.objective two_views compares whole views"
                    : null
        );
        rules.Add(
            ["training.unlocked_groups.image", "training.objective"],
            () =>
                run.Training is { UnlockedGroups.Image: not null, Objective: Objective.Captioning }
                    ? "is given, but training.objective captioning trains all of the image tower"
                    : null
        );
        foreach (
            var (key, isGiven) in new (string, Func<TrainingOptions, bool>)[]
            {
                ("training.unlocked_groups.text", training => training.UnlockedGroups.Text is not null),
                ("training.layer_decay.text", training => training.LayerDecay.Text != 1),
                ("training.text_weights", training => training.TextWeights != WeightType.Fp32),
            }
        )
        {
            rules.Add(
                [key, "training.objective"],
                () =>
                    isGiven(run.Training) && !run.Training.Objective.HasSharedSpace()
                        ? $"is of the text tower, which training.objective {Name(run.Training.Objective)} does not train"
                        : null
            );
        }

        rules.Add(
            ["evaluation.retrieval", "training.objective"],
            () =>
                run.Evaluation.Retrieval.Count > 0 && !run.Training.Objective.HasSharedSpace()
                    ? $"compares images with texts, and training.objective {Name(run.Training.Objective)} trains no space that they share"
                    : null
        );
        rules.Add(
            ["evaluation.zero_shot", "training.objective"],
            () =>
                run.Evaluation.ZeroShot.Count > 0 && !run.Training.Objective.IsZeroShot()
                    ? $"classifies by the names of classes, and training.objective {Name(run.Training.Objective)} learns no texts"
                    : null
        );
        rules.Add(
            ["evaluation.classification", "training.objective"],
            () => run.Evaluation.Classification.Count > 0 ? Needed("", Objective.Classification, "") : null
        );
    }

    private static string Name(Objective objective) => OptionSection.SnakeCase(objective.ToString());
}
