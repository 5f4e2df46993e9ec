using System.Reflection;

namespace DistTrain.Tests
{
    /// <summary>The house stands on its floors: each part of Shared uses only those above it in the list, Worker only Shared, Coordinator only Worker and Shared.</summary>
    public class FloorsTests
    {
        private const string Root = "DistTrain";

        // Each may use itself and what stands before it.
        private static readonly string[] Floors = [Root, "Simd", "Tensors", "Autograd", "Nn", "Optim", "Data", "Training", "Protocol", "Transport"];

        // Data sets know nothing of tensors: readers and loaders fill plain memory.
        private static readonly string[] UnderData = [Root, "Simd", "Data"];

        private static readonly Assembly Shared = typeof(UserErrorException).Assembly;

        [Fact]
        public void Each_floor_of_the_library_uses_only_those_before_it() => Assert.Empty(Violations(Shared.GetTypes()));

        [Fact]
        public void Every_namespace_of_the_library_is_a_floor() =>
            Assert.Empty(Shared.GetTypes().Select(FloorOf).Where(floor => floor is not null && !Floors.Contains(floor)).Distinct());

        [Fact]
        public void The_library_uses_neither_worker_nor_coordinator_and_the_worker_not_the_coordinator()
        {
            Assert.DoesNotContain(References(Shared), name => name is "DistTrain.Worker" or "DistTrain.Coordinator");
            Assert.DoesNotContain("DistTrain.Coordinator", References(Assembly.Load("DistTrain.Worker")));
        }

        [Theory]
        [InlineData(typeof(DistTrain.Simd.PlantedInBody), "Tensors")]
        [InlineData(typeof(DistTrain.Simd.PlantedInGeneric), "Nn")]
        [InlineData(typeof(DistTrain.Data.PlantedBase), "Autograd")]
        public void A_use_of_a_later_floor_is_found_wherever_it_hides(Type planted, string floor)
        {
            var found = Violations([planted, .. planted.GetNestedTypes(BindingFlags.NonPublic)]);
            Assert.Contains(found, violation => violation.Contains(planted.Name, StringComparison.Ordinal) && violation.Contains($" of {floor}", StringComparison.Ordinal));
        }

        [Fact]
        public void A_use_of_an_earlier_floor_is_none() => Assert.Empty(Violations([typeof(DistTrain.Transport.PlantedUser)]));

        private static List<string> Violations(IEnumerable<Type> types) =>
        [
            .. from type in types
               let floor = FloorOf(type)
               where floor is not null
               let allowed = floor == "Data" ? UnderData : Floors[..(Array.IndexOf(Floors, floor) + 1)]
               from used in TypeUses.Of(type)
               let other = used.Assembly == Shared ? FloorOf(used) : null
               where other is not null && !allowed.Contains(other)
               select $"{type.FullName} of {floor} uses {used.FullName} of {other}",
        ];

        /// <summary>The part of the namespace behind DistTrain; null for what the compiler puts into none.</summary>
        private static string? FloorOf(Type type)
        {
            while (type.DeclaringType is { } outer) type = outer;
            if (type.Namespace is not { } name || (name != Root && !name.StartsWith(Root + ".", StringComparison.Ordinal))) return null;
            return name == Root ? Root : name.Split('.')[1];
        }

        private static IEnumerable<string> References(Assembly assembly) => assembly.GetReferencedAssemblies().Select(reference => reference.Name!);
    }
}

// Planted: each stands on a floor and uses another. They are in the tests' own assembly.
namespace DistTrain.Simd
{
    internal static class PlantedInBody
    {
        public static int Use() => new[] { 1, 2 }.Sum(n => new Tensors.FloatBuffer(n).Length);
    }

    internal sealed class PlantedInGeneric
    {
        public IReadOnlyList<KeyValuePair<string, Nn.Module[]>>? Field { get; set; }
    }
}

namespace DistTrain.Data
{
    internal abstract class PlantedBase : Autograd.IParameterListener
    {
        public abstract void GradientReady(int index);
    }
}

namespace DistTrain.Transport
{
    internal static class PlantedUser
    {
        public static int Use() => new Tensors.FloatBuffer(16).Length;
    }
}
