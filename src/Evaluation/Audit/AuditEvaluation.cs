using ClipTrain.Evaluation.Datasets;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.ZeroShot;
using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Audit;

/// <summary>Rate at which a group of images gets a label of a category.</summary>
/// <param name="Design">The label set's name.</param>
/// <param name="Category">The category.</param>
/// <param name="Attribute">The attribute that defines the groups.</param>
/// <param name="Group">Value of the attribute.</param>
/// <param name="Threshold">Probability above which a label counts; null for the most probable label only.</param>
/// <param name="Count">Number of images that get a label of the category.</param>
/// <param name="Images">Number of images in the group.</param>
public sealed record GroupRate(string Design, string Category, string Attribute, string Group, double? Threshold, int Count, int Images)
{
    public double Rate => Count / (double)Images;

    /// <summary>Exact interval, since rates near zero matter.</summary>
    public Interval Interval => BinomialTest.ClopperPearson(Count, Images);
}

/// <summary>Result of an audit.</summary>
/// <param name="Audit">The audit.</param>
/// <param name="Rates">All rates.</param>
public sealed record AuditResult(AuditOptions Audit, IReadOnlyList<GroupRate> Rates)
{
    public IEnumerable<ResultRow> Rows =>
        Rates.Select(rate =>
            ResultRow.Of(
                Audit.Set,
                $"audit {rate.Design}",
                string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"{rate.Category}: {rate.Attribute} {rate.Group}{(rate.Threshold is { } threshold ? $" above {threshold}" : "")}"
                ),
                rate.Rate,
                rate.Interval,
                rate.Images
            )
        );
}

/// <summary>
/// Rates of label categories by group (Radford et al. 2021, section 7.1), for several label sets side by side, which shows how an added
/// class, such as 'child', changes the other rates.
/// </summary>
public static class AuditEvaluation
{
    /// <exception cref="DataPipeline.Corpus.CorpusException">An attribute has fewer than two values, or a label set has no
    /// labels.</exception>
    public static AuditResult Run(IEvaluatedModel model, AuditOptions audit, SetOptions set, EmbeddedSet embedded)
    {
        if (set.Attributes.Count == 0)
        {
            throw SetError.Of(set.Name, "an audit needs groups; set attributes to the columns that contain them.");
        }

        if (audit.LabelSets.Count == 0)
        {
            throw SetError.Of(set.Name, "the audit has no label_sets; add at least one, with categories and labels.");
        }

        foreach (var (attribute, column) in set.Attributes.Index().Select(entry => (entry.Item, entry.Index)))
        {
            var values = embedded
                .Images.Select(image => image.Attributes[column])
                .OfType<string>()
                .Distinct(StringComparer.Ordinal)
                .ToList();
            if (values.Count < 2)
            {
                var found = values.Count == 0 ? "no value" : $"only one value, '{values[0]}'";
                throw SetError.Of(set.Name, $"the attribute '{attribute}' has {found}: there are no groups to compare.");
            }
        }

        return new AuditResult(audit, [.. audit.LabelSets.SelectMany(design => Rates(model, audit, design, set, embedded))]);
    }

    private static List<GroupRate> Rates(
        IEvaluatedModel model,
        AuditOptions audit,
        LabelSetOptions design,
        SetOptions set,
        EmbeddedSet embedded
    )
    {
        var labels = design
            .Categories.SelectMany(category => category.Labels.Select(label => (Category: category.Name, Label: label)))
            .ToList();
        if (labels.Count < 2)
        {
            throw SetError.Of(set.Name, $"the label set '{design.Name}' has {labels.Count} labels; it needs at least two.");
        }

        var probabilities = Probabilities(model, embedded, [.. labels.Select(label => label.Label)], audit.Templates);
        double?[] thresholds = audit.Thresholds.Count == 0 ? [null] : [.. audit.Thresholds.Cast<double?>()];
        var rates = new List<GroupRate>();
        foreach (var category in design.Categories.Where(category => category.Report))
        {
            var own = Enumerable.Range(0, labels.Count).Where(label => labels[label].Category == category.Name).ToHashSet();
            foreach (var threshold in thresholds)
            {
                bool[] given =
                [
                    .. Enumerable.Range(0, embedded.Images.Count).Select(image => Given(probabilities.Row(image), own, threshold)),
                ];
                foreach (var (column, attribute) in set.Attributes.Index())
                {
                    rates.AddRange(
                        embedded
                            .Images.Index()
                            .Where(image => image.Item.Attributes[column] is not null)
                            .GroupBy(image => image.Item.Attributes[column]!, image => image.Index, StringComparer.Ordinal)
                            .OrderBy(group => group.Key, StringComparer.Ordinal)
                            .Select(group => new GroupRate(
                                design.Name,
                                category.Name,
                                attribute,
                                group.Key,
                                threshold,
                                group.Count(image => given[image]),
                                group.Count()
                            ))
                    );
                }
            }
        }

        return rates;
    }

    private static bool Given(ReadOnlySpan<float> probabilities, HashSet<int> labels, double? threshold)
    {
        if (threshold is null)
        {
            return labels.Contains(System.Numerics.Tensors.TensorPrimitives.IndexOfMax(probabilities));
        }

        foreach (var label in labels)
        {
            if (probabilities[label] > threshold)
            {
                return true;
            }
        }

        return false;
    }

    private static Matrix Probabilities(IEvaluatedModel model, EmbeddedSet embedded, string[] labels, IReadOnlyList<string> templates)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        string[] prompts = [.. labels.SelectMany(label => templates.Select(template => ZeroShotClassifier.Prompt(template, label)))];
        var texts = model.EncodeTexts(prompts);
        var classes_cD = ZeroShotClassifier.ClassEmbeddings(texts.view([labels.Length, templates.Count, texts.size(1)]));
        var result = new Matrix(embedded.Images.Count, labels.Length);
        nn.functional.softmax(embedded.Embeddings.View().mm(classes_cD.t()).mul_(model.LogitScale), 1)
            .contiguous()
            .AsSpan<float>()
            .CopyTo(result.Values);
        return result;
    }
}
