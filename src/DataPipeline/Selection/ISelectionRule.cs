using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Selection;

/// <summary>One rule of a selection.</summary>
internal interface ISelectionRule
{
    /// <summary>The rule in words, as reports name it.</summary>
    string Name { get; }

    /// <summary>Takes rows out of the set; a function of the corpus and the set alone.</summary>
    /// <exception cref="CorpusException">The rule does not fit the corpus, or a file cannot be read.</exception>
    void Apply(CorpusManifest manifest, RowMask rows);
}
