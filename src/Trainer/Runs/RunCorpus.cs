using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Selection;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Runs;

/// <summary>
/// The training corpus or mixture of a run. Samples are selected once, when the run begins; afterwards the manifest records the
/// selection.
/// </summary>
public static class RunCorpus
{
    /// <summary>Opens the corpus of a new run and selects its samples.</summary>
    /// <param name="options">The run's options.</param>
    /// <param name="onRule">
    /// Called with the name of each selection rule before it is applied, prefixed in a mixture with the corpus's name.
    /// </param>
    /// <exception cref="CorpusException">The corpus cannot be used, or a rule leaves no samples.</exception>
    /// <exception cref="UsageException">The list of queries cannot be read.</exception>
    public static CorpusManifest Select(RunOptions options, Action<string>? onRule = null)
    {
        var data = options.Data;
        var selection = new SelectionOptions
        {
            Filter = data.Filter,
            Deduplicate = data.Deduplicate,
            Queries = data.Balance.Queries is { } path ? Queries(path) : [],
            QueryCap = data.Balance.Cap,
            Subset = data.Subset,
            Seed = options.Seed,
        };
        return Open(
            options,
            (name, corpus) =>
            {
                if (corpus.ColumnsTaken is { } taken)
                {
                    onRule?.Invoke(name is null ? taken : $"{name}: {taken}");
                }

                return CorpusSelector.Select(corpus, selection, rule => onRule?.Invoke(name is null ? rule : $"{name}: {rule}"));
            }
        );
    }

    /// <summary>Opens the corpus of a run that has begun: the files on this machine with the selection of its manifest.</summary>
    /// <param name="options">The run's options.</param>
    /// <param name="begun">The manifest with which the run began.</param>
    /// <param name="error">Turns a difference into an error message.</param>
    /// <param name="onTouched">Called for each file that has been rewritten since but shows no difference.</param>
    /// <exception cref="CorpusException">The files on this machine differ from the manifest.</exception>
    public static CorpusManifest Continue(
        RunOptions options,
        CorpusManifest begun,
        Func<string, string> error,
        Action<string>? onTouched = null
    )
    {
        var here = Open(options, (_, corpus) => corpus);
        if (begun.DifferenceTo(here) is { } difference)
        {
            throw new CorpusException(error(difference));
        }

        if (onTouched is not null)
        {
            begun.TouchedIn(here).ToList().ForEach(onTouched);
        }

        return here.With(begun.Selection);
    }

    /// <param name="options">The run's options.</param>
    /// <param name="select">
    /// Called with each corpus and its name in the mixture (null for data.train); returns it with its samples selected.
    /// </param>
    private static CorpusManifest Open(RunOptions options, Func<string?, CorpusManifest, CorpusManifest> select)
    {
        var data = options.Data;
        return data.Mixture.Count == 0
            ? select(null, Create(data.Train, data.ImageColumn, data.CaptionColumn))
            : CorpusManifest.Mix([.. data.Mixture.Select(corpus => (corpus.Name, Of(corpus)))]);

        CorpusManifest Of(MixtureOptions corpus)
        {
            try
            {
                return select(corpus.Name, Create(corpus.Files, corpus.ImageColumn, corpus.CaptionColumn));
            }
            catch (CorpusException e)
            {
                throw new CorpusException($"data.mixture, corpus {corpus.Name}: {e.Message}", e);
            }
        }

        CorpusManifest Create(IReadOnlyList<string> files, string? image, IReadOnlyList<string>? captions) =>
            CorpusManifest.Create(
                files,
                new CorpusColumns
                {
                    Image = image,
                    Captions = captions ?? [],
                    CaptionRequired = options.Training.Objective.ReadsCaptions(),
                    EveryCaption = data.CaptionMode != CaptionMode.First,
                }
            );
    }

    private static string[] Queries(string path)
    {
        try
        {
            RegularFile.Require(path);
            string[] queries =
            [
                .. File.ReadLines(path).Where(line => !string.IsNullOrWhiteSpace(line)).Distinct(StringComparer.OrdinalIgnoreCase),
            ];
            return queries.Length > 0
                ? queries
                : throw new UsageException($"{path} contains no query. Write one per line, or remove data.balance.queries.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"data.balance.queries: {e.Message}");
        }
    }
}
