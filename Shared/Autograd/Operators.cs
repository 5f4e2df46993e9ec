using DistTrain.Tensors;

namespace DistTrain.Autograd;

public static partial class TensorOps
{
    extension(Tensor)
    {
        /// <summary>x + y, with broadcasting.</summary>
        public static Tensor operator +(Tensor x, Tensor y) => x.Add(y);

        /// <summary>x + value.</summary>
        public static Tensor operator +(Tensor x, float y) => x.AddScalar(y);

        /// <summary>value + y.</summary>
        public static Tensor operator +(float x, Tensor y) => y.AddScalar(x);

        /// <summary>x − y, with broadcasting.</summary>
        public static Tensor operator -(Tensor x, Tensor y) => x.Sub(y);

        /// <summary>x − value.</summary>
        public static Tensor operator -(Tensor x, float y) => x.AddScalar(-y);

        /// <summary>value − y.</summary>
        public static Tensor operator -(float x, Tensor y) => y.Neg().AddScalar(x);

        /// <summary>−x.</summary>
        public static Tensor operator -(Tensor x) => x.Neg();

        /// <summary>x · y element by element, with broadcasting.</summary>
        public static Tensor operator *(Tensor x, Tensor y) => x.Mul(y);

        /// <summary>x · value.</summary>
        public static Tensor operator *(Tensor x, float y) => x.Scale(y);

        /// <summary>value · y.</summary>
        public static Tensor operator *(float x, Tensor y) => y.Scale(x);

        /// <summary>x / y element by element, with broadcasting.</summary>
        public static Tensor operator /(Tensor x, Tensor y) => x.Div(y);

        /// <summary>x / value.</summary>
        public static Tensor operator /(Tensor x, float y) => x.Div(y);

        /// <summary>value / y.</summary>
        public static Tensor operator /(float x, Tensor y) => x == 1f ? y.Reciprocal() : y.Reciprocal().Scale(x);

        /// <summary>Where x &lt; y, with broadcasting: a Bool tensor.</summary>
        public static Tensor operator <(Tensor x, Tensor y) => x.Lt(y);

        /// <summary>Where x &gt; y.</summary>
        public static Tensor operator >(Tensor x, Tensor y) => x.Gt(y);

        /// <summary>Where x ≤ y.</summary>
        public static Tensor operator <=(Tensor x, Tensor y) => x.Le(y);

        /// <summary>Where x ≥ y.</summary>
        public static Tensor operator >=(Tensor x, Tensor y) => x.Ge(y);

        /// <summary>Where x &lt; value.</summary>
        public static Tensor operator <(Tensor x, float y) => x.Lt(y);

        /// <summary>Where x &gt; value.</summary>
        public static Tensor operator >(Tensor x, float y) => x.Gt(y);

        /// <summary>Where x ≤ value.</summary>
        public static Tensor operator <=(Tensor x, float y) => x.Le(y);

        /// <summary>Where x ≥ value.</summary>
        public static Tensor operator >=(Tensor x, float y) => x.Ge(y);

        /// <summary>Where both are true.</summary>
        public static Tensor operator &(Tensor x, Tensor y) => x.LogicalAnd(y);

        /// <summary>Where either is true.</summary>
        public static Tensor operator |(Tensor x, Tensor y) => x.LogicalOr(y);

        /// <summary>Where one is true and the other is not.</summary>
        public static Tensor operator ^(Tensor x, Tensor y) => x.LogicalXor(y);

        /// <summary>Where x is not true.</summary>
        public static Tensor operator !(Tensor x) => x.LogicalNot();
    }
}
