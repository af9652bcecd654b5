using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Import;

/// <summary>One row of the demo corpus: a vendor's drawing of a concept.</summary>
internal readonly record struct DemoRow(string Concept, string Vendor);

/// <summary>Division of the drawings into training and held-out splits: a whole vendor, and concepts that no training row has.</summary>
/// <param name="Train">The training split.</param>
/// <param name="HeldOutVendor">The held-out vendor's drawings of trained concepts.</param>
/// <param name="HeldOutConcepts">All vendors' drawings of the held-out concepts.</param>
/// <param name="Validation">Concepts of the training split that a choice of recipe may leave out, instead of looking at the held-out ones.</param>
internal sealed record DemoSplits(
    IReadOnlyList<DemoRow> Train,
    IReadOnlyList<DemoRow> HeldOutVendor,
    IReadOnlyList<DemoRow> HeldOutConcepts,
    IReadOnlySet<string> Validation
)
{
    public const int HeldOutConceptCount = 200;
    private const int VendorsOfHeldOutConcept = 3,
        ConceptsPerValidationConcept = 9;

    /// <summary>
    /// Chooses at random, reproducibly: 200 concepts drawn by at least three vendors are held out with all their drawings. Of the others,
    /// the held-out vendor's drawings form one split and the rest, shuffled, the training split, of which a ninth of the concepts is for
    /// validation.
    /// </summary>
    public static DemoSplits Choose(EmojiConcepts concepts, IReadOnlyList<string> trainVendors, string heldOutVendor)
    {
        var random = new CounterRandom(0, 0, 0);
        var candidates = concepts.Names.Where(n => concepts.Vendors(n) >= VendorsOfHeldOutConcept).ToArray();
        random.Shuffle(candidates.AsSpan());
        var heldOut = candidates.Take(HeldOutConceptCount).ToHashSet(StringComparer.Ordinal);

        IEnumerable<DemoRow> Rows(IEnumerable<string> names, IEnumerable<string> vendors) =>
            from name in names
            from vendor in vendors
            where concepts.Drawing(name, vendor) is not null
            select new DemoRow(name, vendor);

        var train = Rows(concepts.Names.Where(n => !heldOut.Contains(n)), trainVendors).ToArray();
        random.Shuffle(train.AsSpan());
        var trained = train.Select(r => r.Concept).ToHashSet(StringComparer.Ordinal);
        return new DemoSplits(
            train,
            [.. Rows(concepts.Names.Where(trained.Contains), [heldOutVendor])],
            [.. Rows(concepts.Names.Where(heldOut.Contains), [.. trainVendors, heldOutVendor])],
            candidates.Skip(HeldOutConceptCount).Take(trained.Count / ConceptsPerValidationConcept).ToHashSet(StringComparer.Ordinal)
        );
    }
}
